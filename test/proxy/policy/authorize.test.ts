import test from 'ava';
import { adminId, controlPlaneId, spiffeId } from '../../../common/pki/spiffe-id.ts';
import { authorize } from '../../../proxy/policy/authorize.ts';

const open = new Map();
const destination = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });

test('a workload of the trust domain may come in, from any namespace', (t) => {
  for (const namespace of ['shop', 'billing']) {
    const source = spiffeId({ trustDomain: 'mesh.local', namespace, service: 'web' });
    t.deepEqual(authorize({ source, destination, port: 8080 }, open), { allowed: true });
  }
});

test('a workload of another trust domain may not', (t) => {
  const source = spiffeId({ trustDomain: 'other.domain', namespace: 'shop', service: 'web' });
  t.deepEqual(authorize({ source, destination, port: 8080 }, open), {
    allowed: false,
    reason: 'denied-trust-domain',
  });
});

test("the mesh's own identities are not workloads", (t) => {
  for (const source of [adminId('mesh.local'), controlPlaneId('mesh.local')]) {
    t.deepEqual(authorize({ source, destination, port: 8080 }, open), {
      allowed: false,
      reason: 'denied-system-identity',
    });
  }
});

test('a port that names its callers is closed to everybody else', (t) => {
  const callers = new Map([
    [2379, [{ namespace: 'shop', service: 'web' }]],
    [2380, []],
  ]);
  const decide = (namespace: string, service: string, port: number): string => {
    const source = spiffeId({ trustDomain: 'mesh.local', namespace, service });
    const decision = authorize({ source, destination, port }, callers);
    return decision.allowed ? 'allowed' : decision.reason;
  };
  t.is(decide('shop', 'web', 2379), 'allowed');
  t.is(decide('shop', 'worker', 2379), 'denied-caller');
  t.is(decide('billing', 'web', 2379), 'denied-caller', 'the namespace is part of the name');
  t.is(decide('shop', 'web', 2380), 'denied-caller', 'an empty list is a closed door');
  t.is(decide('billing', 'worker', 8080), 'allowed', 'other ports stay open to the mesh');
});

test('a name in the list opens nothing to another trust domain', (t) => {
  const source = spiffeId({ trustDomain: 'other.domain', namespace: 'shop', service: 'web' });
  const callers = new Map([[2379, [{ namespace: 'shop', service: 'web' }]]]);
  t.deepEqual(authorize({ source, destination, port: 2379 }, callers), {
    allowed: false,
    reason: 'denied-trust-domain',
  });
});
