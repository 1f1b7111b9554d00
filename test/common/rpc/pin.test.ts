import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { crossSign } from '../../../common/pki/authority.ts';
import { createCsr } from '../../../common/pki/csr.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { createChannel, type ControlPlaneChannel } from '../../../common/rpc/channel.ts';
import { pinRoot } from '../../../common/rpc/pin.ts';
import { RpcError, type RpcErrorCode } from '../../../common/rpc/rpc-error.ts';
import { IdentityClient, type IssueResponse } from '../../../proto/gen/hauberk/v1/identity.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { within } from '../../helpers/deadline.ts';
import { serverIdentity, startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';
import type { ExecutionContext } from 'ava';

const authority = createTestAuthority();
const digest = rootDigest(authority.root.certificate);

async function refused(
  t: ExecutionContext,
  port: number,
  more: { rootDigest?: string; timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<RpcErrorCode> {
  const pin = pinRoot({
    host: '127.0.0.1',
    port,
    rootDigest: digest,
    timeoutMs: 5_000,
    clock: systemClock,
    ...more,
  });
  const error = await t.throwsAsync(pin, { instanceOf: RpcError });
  return error.code;
}

async function listenRaw(onConnection: (socket: Socket) => void): Promise<{
  port: number;
  stop: () => void;
}> {
  const server = createServer(onConnection);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP port');
  return { port: address.port, stop: () => server.close() };
}

test('takes the root that has the digest, whatever the name of the host', async (t) => {
  await using controlPlane = await startTestControlPlane({ authority });
  const { port } = controlPlane;
  const root = await pinRoot({
    host: 'localhost',
    port,
    rootDigest: digest,
    timeoutMs: 5_000,
    clock: systemClock,
  });
  t.true(root.raw.equals(authority.root.certificate.raw));
});

test('a token that pins a former root is good while that root vouches for the present one', async (t) => {
  const present = createTestAuthority();
  const options = { trustDomain: 'mesh.local', nowMs: Date.now() };
  const identity = {
    ...serverIdentity(present),
    crossSignatures: [crossSign(authority.root, present.root.certificate, options)],
    formerRoots: [authority.root.certificate],
  };
  await using controlPlane = await startTestControlPlane({ authority: present, identity });
  const { port } = controlPlane;
  const address = { host: '127.0.0.1', port };
  for (const { root } of [authority, present]) {
    const pinned = await pinRoot({
      ...address,
      rootDigest: rootDigest(root.certificate),
      timeoutMs: 5_000,
      clock: systemClock,
    });
    t.true(pinned.raw.equals(root.certificate.raw));
    const channel = createChannel({ address, trustDomain: 'mesh.local', roots: [pinned] });
    t.teardown(() => channel.close());
    await t.notThrowsAsync(callIssue(channel));
  }
});

test('to show the pinned root is no proof: the certificate has to lead to it', async (t) => {
  const attacker = createTestAuthority();
  const { certificate } = authority.root;
  // What everybody can see of the real mesh, and a cross-signature by the wrong key.
  const forged = crossSign(attacker.root, certificate, {
    trustDomain: 'mesh.local',
    nowMs: Date.now(),
  });
  const identity = {
    ...serverIdentity(attacker),
    crossSignatures: [forged],
    formerRoots: [certificate],
  };
  await using controlPlane = await startTestControlPlane({ authority: attacker, identity });
  const { port } = controlPlane;
  const address = { host: '127.0.0.1', port };
  const pinned = await pinRoot({
    ...address,
    rootDigest: digest,
    timeoutMs: 5_000,
    clock: systemClock,
  });
  const channel = createChannel({ address, trustDomain: 'mesh.local', roots: [pinned] });
  t.teardown(() => channel.close());
  await t.throwsAsync(callIssue(channel), { code: 'server-untrusted' });
  t.is(controlPlane.issues.length, 0, 'nothing secret was sent');
});

function callIssue(channel: ControlPlaneChannel): Promise<IssueResponse> {
  const request = {
    csr: createCsr(generatePrivateKey()),
    joinToken: 'secret',
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
    lifetimeSeconds: 0,
  };
  return new Promise((resolve, reject) => {
    channel.client(IdentityClient).issue(request, (error, response) => {
      if (error === null) resolve(response);
      else reject(channel.explain(error));
    });
  });
}

test('the server sees a whole handshake, and then an ordinary end', async (t) => {
  const { privateKey, chain, roots } = serverIdentity(authority);
  const server = createTlsServer(secureContextOptions({ privateKey, chain, roots }));
  const handshake = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const failures: Error[] = [];
  server.on('tlsClientError', (error) => failures.push(error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const pin = pinRoot({
    host: '127.0.0.1',
    port,
    rootDigest: digest,
    timeoutMs: 5_000,
    clock: systemClock,
  });
  const [socket] = await within('a handshake', handshake);
  // As an HTTP/2 server does, it speaks first.
  socket.end('settings');
  socket.resume();
  await within('the end of the connection', once(socket, 'close'));
  await pin;
  t.deepEqual(failures, []);
  server.close();
});

test('refuses another root, and names both digests', async (t) => {
  await using controlPlane = await startTestControlPlane();
  const other = rootDigest(controlPlane.authority.root.certificate);
  const { port } = controlPlane;
  const pin = pinRoot({
    host: '127.0.0.1',
    port,
    rootDigest: digest,
    timeoutMs: 5_000,
    clock: systemClock,
  });
  const error = await t.throwsAsync(pin, { instanceOf: RpcError });
  t.is(error.code, 'token-wrong-root');
  t.true(error.message.includes(digest));
  t.true(error.message.includes(other));
});

test('nobody listens: unreachable', async (t) => {
  // A port that was free a moment ago may be another test's by now; nobody is given this one.
  t.is(await refused(t, 1), 'unreachable');
});

test('a port that closes before TLS, as a published one without a server does: unreachable', async (t) => {
  const { port, stop } = await listenRaw((socket: Socket) => socket.destroy());
  t.is(await refused(t, port), 'unreachable');
  stop();
});

test('something that is not TLS: tls', async (t) => {
  const { port, stop } = await listenRaw((socket: Socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
  t.is(await refused(t, port), 'tls');
  stop();
});

test('a server that says nothing: timeout, and the socket is let go', async (t) => {
  const gone = Promise.withResolvers<void>();
  const { port, stop } = await listenRaw((socket: Socket) => {
    socket.resume();
    socket.once('close', () => gone.resolve());
  });
  t.is(await refused(t, port, { timeoutMs: 50 }), 'timeout');
  await gone.promise;
  stop();
});

test('an aborted signal, before or while it runs: cancelled', async (t) => {
  const { port, stop } = await listenRaw((socket: Socket) => {
    socket.on('error', () => {});
    abort.abort();
  });
  const abort = new AbortController();
  t.is(await refused(t, port, { signal: AbortSignal.abort() }), 'cancelled');
  t.is(await refused(t, port, { signal: abort.signal }), 'cancelled');
  stop();
});
