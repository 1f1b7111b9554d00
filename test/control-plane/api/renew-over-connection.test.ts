// The control plane judges the certificate of a connection at each renewal over it, and not only at the handshake.
import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { createCsr } from '../../../common/pki/csr.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { peerSpiffeId } from '../../../common/pki/peer.ts';
import { createChannel, type ControlPlaneChannel } from '../../../common/rpc/channel.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { IdentityService, type IssueRequest } from '../../../proto/gen/hauberk/v1/identity.ts';
import { cableTo } from '../../helpers/machine/cable.ts';
import { within } from '../../helpers/deadline.ts';
import { startControlPlaneUnderTest, webId } from '../control-plane-under-test.ts';
import { hello, openSyncStream } from './sync/sync-stream-under-test.ts';

const HOUR_MS = 3_600_000;

async function renew(
  channel: ControlPlaneChannel,
  more: Partial<IssueRequest> = {},
): Promise<X509Certificate> {
  const csr = createCsr(generatePrivateKey());
  const request = { csr, joinToken: '', spiffeId: webId, lifetimeSeconds: 0, ...more };
  const { chain } = await channel.call(IdentityService.issue, request, { timeoutMs: 10_000 });
  return new X509Certificate(chain[0] ?? Buffer.alloc(0));
}

test('one connection carries one renewal after the other', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await cp.enrol('shop', 'web');
  await using cable = await cableTo(cp.controlPlane.grpcPort);
  const address = { host: '127.0.0.1', port: cable.port };
  const { roots, trustDomain } = cp.operator;
  const channel = createChannel({ address, trustDomain, roots, identity: web });
  t.teardown(() => channel.close());
  const serials = new Set<string>();
  for (let round = 0; round < 3; round += 1) {
    const leaf = await renew(channel);
    t.is(peerSpiffeId(leaf).uri, webId);
    serials.add(leaf.serialNumber);
  }
  t.is(serials.size, 3);
  t.is(cable.connections, 1);
});

test('the identity is that of the connection, whatever is asked for', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const channel = cp.connect(await cp.enrol('shop', 'web'));
  await renew(channel);
  for (const spiffeId of [
    'spiffe://mesh.local/ns/shop/sa/api',
    'spiffe://mesh.local/ns/hauberk/sa/admin',
  ]) {
    const error = await t.throwsAsync(renew(channel, { spiffeId }), { instanceOf: RpcError });
    t.is(error.code, 'identity-mismatch');
  }
});

test('a certificate that was revoked since is refused, and its stream ends', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await cp.enrol('shop', 'web');
  const other = await cp.enrol('shop', 'api');
  const [channel, untouched] = [cp.connect(web), cp.connect(other)];
  const stream = openSyncStream(cp, web);
  stream.say(hello({ instanceId: 'web-1' }));
  await stream.next();
  await renew(channel);
  await cp.admin.revoke({ kind: 'identity', namespace: 'shop', service: 'web' });
  const error = await t.throwsAsync(renew(channel), { instanceOf: RpcError });
  t.is(error.code, 'certificate-revoked');
  t.is((await within('the end of the stream', stream.refused())).code, 'certificate-revoked');
  const spiffeId = 'spiffe://mesh.local/ns/shop/sa/api';
  t.is(peerSpiffeId(await renew(untouched, { spiffeId })).uri, spiffeId);
});

test('a certificate that has expired since is refused, although its connection is open', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const channel = cp.connect(await cp.enrol('shop', 'web'));
  await renew(channel);
  await cp.clock.advance(HOUR_MS + 1_000);
  const error = await t.throwsAsync(renew(channel), { instanceOf: RpcError });
  t.is(error.code, 'certificate-expired');
});

test('where expired ones are renewed for a while, so are those of open connections, and no longer', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { renewAfterExpiry: 60 });
  const channel = cp.connect(await cp.enrol('shop', 'web'));
  await renew(channel);
  await cp.clock.advance(HOUR_MS + 30_000);
  t.is(peerSpiffeId(await renew(channel)).uri, webId);
  await cp.clock.advance(60_000);
  const error = await t.throwsAsync(renew(channel), { instanceOf: RpcError });
  t.is(error.code, 'certificate-expired');
});
