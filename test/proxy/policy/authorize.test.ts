import test from 'ava';
import { adminId, controlPlaneId, spiffeId } from '../../../common/pki/spiffe-id.ts';
import { authorize } from '../../../proxy/policy/authorize.ts';

const destination = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });

test('a workload of the trust domain may come in, from any namespace', (t) => {
  for (const namespace of ['shop', 'billing']) {
    const source = spiffeId({ trustDomain: 'mesh.local', namespace, service: 'web' });
    t.deepEqual(authorize({ source, destination, port: 8080 }), { allowed: true });
  }
});

test('a workload of another trust domain may not', (t) => {
  const source = spiffeId({ trustDomain: 'other.domain', namespace: 'shop', service: 'web' });
  t.deepEqual(authorize({ source, destination, port: 8080 }), {
    allowed: false,
    reason: 'denied-trust-domain',
  });
});

test("the mesh's own identities are not workloads", (t) => {
  for (const source of [adminId('mesh.local'), controlPlaneId('mesh.local')]) {
    t.deepEqual(authorize({ source, destination, port: 8080 }), {
      allowed: false,
      reason: 'denied-system-identity',
    });
  }
});
