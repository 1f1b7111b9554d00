import test from 'ava';
import { readBundle, toBundleMessage } from '../../../common/wire/bundle.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const authority = createTestAuthority();
const message = toBundleMessage(authority.bundle);

test('a bundle travels there and back', (t) => {
  const read = readBundle(message, 'mesh.local');
  t.deepEqual(
    { ...read, roots: read.roots.map(String) },
    { ...authority.bundle, roots: authority.bundle.roots.map(String) },
  );
});

test('roots whose key was stolen travel along', (t) => {
  const stolen = createTestAuthority().root.certificate;
  const read = readBundle(
    toBundleMessage({ ...authority.bundle, withdrawn: [stolen] }),
    'mesh.local',
  );
  t.deepEqual(read.withdrawn?.map(String), [String(stolen)]);
});

const leaf = authority.workload('shop', 'web').leaf.raw;
const odd = {
  'of another trust domain': [{ ...message, trustDomain: 'other.mesh' }, 'wrong-trust-domain'],
  'without roots': [{ ...message, roots: [] }, 'protocol'],
  'of garbage': [{ ...message, roots: [Buffer.from('garbage')] }, 'protocol'],
  'with an issuer for a root': [
    { ...message, roots: [authority.issuer.certificate.raw] },
    'protocol',
  ],
  'with a leaf for a withdrawn root': [{ ...message, withdrawn: [leaf] }, 'protocol'],
  'with a leaf for a root': [{ ...message, roots: [...message.roots, leaf] }, 'protocol'],
} as const;

for (const [what, [bundle, code]] of Object.entries(odd)) {
  test(`a bundle ${what} is refused`, (t) => {
    const read = (): unknown =>
      readBundle(
        { ...bundle, roots: [...bundle.roots], withdrawn: [...bundle.withdrawn] },
        'mesh.local',
      );
    t.is(t.throws(read, { instanceOf: RpcError }).code, code);
  });
}
