import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { formatJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { identityUnderTest, tokenFor } from '../../helpers/mesh/identity-under-test.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';
import { createDatedCertificates } from '../../helpers/pki/dated-certificates.ts';
import { makeOddPath, makeRoot } from '../../helpers/pki/odd-paths.ts';

const test = requires('openssl');
const CONTROL_PLANE = 'spiffe://mesh.local/ns/hauberk/sa/control-plane';

/** Passes connections on, and counts them. */
async function countConnections(t: ExecutionContext, port: number) {
  let connections = 0;
  const relay = createServer((near) => {
    connections += 1;
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far).pipe(near);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  return {
    controlPlane: { host: '127.0.0.1', port: (relay.address() as AddressInfo).port },
    connections: () => connections,
  };
}

test('an enrolment takes one connection', async (t) => {
  await using directory = await temporaryDirectory();
  const authority = createTestAuthority();
  await using controlPlane = await startTestControlPlane({ authority });
  const relay = await countConnections(t, controlPlane.port);
  const manager = await identityUnderTest().create({
    controlPlane: relay.controlPlane,
    token: tokenFor(authority),
    stateDirectory: directory.path,
  });
  t.is(relay.connections(), 1);
  await manager.close();
});

test('a path that only OpenSSL accepts is accepted: below more authorities than ours takes', async (t) => {
  await using directory = await temporaryDirectory();
  const certificates = await createDatedCertificates(t);
  await makeRoot(certificates);
  const authorities = Array.from({ length: 7 }, () => ({}));
  const named = { uri: CONTROL_PLANE, isExpired: false };
  const path = await makeOddPath(certificates, { authorities }, named);
  const { chain: roots } = await certificates.credentials('root');
  const identity = { ...path, chain: [...path.chain, ...roots], roots };
  await using controlPlane = await startTestControlPlane({ identity });
  const relay = await countConnections(t, controlPlane.port);
  const digest = rootDigest(roots[0] ?? t.fail());
  const manager = await identityUnderTest().create({
    controlPlane: relay.controlPlane,
    token: formatJoinToken({ rootDigest: digest, id: 'test', secret: 's'.repeat(25) }),
    stateDirectory: directory.path,
  });
  t.is(controlPlane.issues.length, 1, 'the token is sent once');
  t.is(relay.connections(), 3);
  await manager.close();
});
