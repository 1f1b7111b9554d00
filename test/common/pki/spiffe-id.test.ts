import test from 'ava';
import fc from 'fast-check';
import { PkiError } from '../../../common/pki/pki-error.ts';
import {
  adminId,
  controlPlaneId,
  isLabel,
  isTrustDomain,
  parseSpiffeId,
  spiffeId,
} from '../../../common/pki/spiffe-id.ts';

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
const label = fc
  .string({ unit: fc.constantFrom(...letters.split(''), '-', '_'), minLength: 1, maxLength: 63 })
  .filter((text) => !/^[-_]|[-_]$/.test(text));

test('an identity is made of its parts, and its URI gives them back', (t) => {
  const property = fc.property(label, label, (namespace, service) => {
    const id = spiffeId({ trustDomain: 'mesh.local', namespace, service });
    t.is(id.uri, `spiffe://mesh.local/ns/${namespace}/sa/${service}`);
    t.deepEqual(parseSpiffeId(id.uri), id);
  });
  t.notThrows(() => fc.assert(property));
});

test("the mesh's own identities are in the namespace that no workload may be in", (t) => {
  t.is(controlPlaneId('mesh.local').uri, 'spiffe://mesh.local/ns/hauberk/sa/control-plane');
  t.is(adminId('mesh.local').uri, 'spiffe://mesh.local/ns/hauberk/sa/admin');
});

test('labels are those of DNS, with the underscore of Compose inside', (t) => {
  for (const text of ['a', '0', 'web', 'my-web', 'my_web', 'a--b', 'a'.repeat(63)]) {
    t.true(isLabel(text), text);
  }
  const none = ['', '-a', 'a-', '_a', 'a_', 'A', 'a.b', 'a b', 'a/b', 'ä', 'a\n', '\na', 'a\0'];
  for (const text of [...none, '..', 'a'.repeat(64)]) t.false(isLabel(text), JSON.stringify(text));
});

test('trust domains are lower-case host names', (t) => {
  for (const text of ['mesh.local', 'a', 'prod.example.org', 'a_b'])
    t.true(isTrustDomain(text), text);
  for (const text of ['', '.a', 'a.', 'A', 'a:1', 'a/b', 'a b', 'a\n', 'a'.repeat(256)]) {
    t.false(isTrustDomain(text), JSON.stringify(text));
  }
});

test('parts cannot smuggle other parts in', (t) => {
  const parts = { trustDomain: 'mesh.local', namespace: 'shop', service: 'web' };
  t.notThrows(() => spiffeId(parts));
  const smuggled = [
    { ...parts, trustDomain: 'mesh.local/ns/hauberk' },
    { ...parts, namespace: 'hauberk/sa/admin' },
    { ...parts, namespace: '' },
    { ...parts, service: 'web/../admin' },
    { ...parts, service: 'web\n' },
  ];
  for (const wrong of smuggled) {
    t.throws(() => spiffeId(wrong), { instanceOf: PkiError, code: 'spiffe-id' });
  }
});
