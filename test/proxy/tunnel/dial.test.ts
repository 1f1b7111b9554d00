import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { PROCESS_DESCRIPTORS } from '../../../common/budget/descriptors.ts';
import { TUNNELS_SHARE } from '../../../common/budget/shared-budget.ts';
import { toPem } from '../../../common/pki/pem.ts';
import test, { type ExecutionContext } from 'ava';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { TunnelError, type TunnelErrorCode } from '../../../proxy/tunnel/tunnel-error.ts';
import { within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import {
  createTestAuthority,
  type TestAuthority,
  type TestWorkload,
} from '../../helpers/mesh/test-authority.ts';
import { createEngine, createIdentity, sample, startApp, targetOf } from './harness.ts';

const HOUR_MS = 3_600_000;

function serverOptions(authority: TestAuthority, workload: TestWorkload): TlsOptions {
  return {
    key: workload.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: toPem(workload.chain),
    ca: authority.root.certificate.toString(),
    requestCert: true,
  };
}

/** A foreign HTTP/2 server with that certificate; returns what it saw of its clients. */
async function foreignServer(
  t: ExecutionContext,
  authority: TestAuthority,
  workload: TestWorkload,
) {
  const server = createSecureServer({
    ...serverOptions(authority, workload),
    settings: { maxConcurrentStreams: 200 },
  });
  const seen = { servernames: [] as unknown[], bytes: 0, sessions: 0 };
  server.on('secureConnection', (socket) => {
    seen.servernames.push(socket.servername);
  });
  server.on('session', () => (seen.sessions += 1));
  server.on('sessionError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { server, seen, port: (server.address() as AddressInfo).port };
}

async function failure(t: ExecutionContext, dialled: Promise<unknown>): Promise<TunnelError> {
  const error = await within('the end of the dial', t.throwsAsync(dialled));
  if (!(error instanceof TunnelError)) throw error;
  return error;
}

const REFUSED: {
  readonly name: string;
  readonly server: (authority: TestAuthority) => TestWorkload;
  readonly code: TunnelErrorCode;
  readonly reason: string;
  readonly says: RegExp;
}[] = [
  {
    name: 'another identity of the mesh',
    server: (authority) => authority.workload('shop', 'db'),
    code: 'wrong-identity',
    reason: 'wrong-identity',
    says: /expected spiffe:\/\/mesh.local\/ns\/shop\/sa\/api .* got spiffe:\/\/mesh.local\/ns\/shop\/sa\/db/,
  },
  {
    name: 'the right name from another root',
    server: () => createTestAuthority().workload('shop', 'api'),
    code: 'untrusted',
    reason: 'untrusted',
    says: /from a root of the trust bundle/,
  },
  {
    name: 'an expired certificate',
    server: (authority) =>
      authority.workload('shop', 'api', { nowMs: Date.now() - HOUR_MS, lifetimeMs: 60_000 }),
    code: 'untrusted',
    reason: 'expired',
    says: /expired one \(it is valid from .* until .*, and it is .* here\)/,
  },
  {
    name: 'a certificate that is not valid yet',
    server: (authority) => authority.workload('shop', 'api', { nowMs: Date.now() + HOUR_MS }),
    code: 'untrusted',
    reason: 'not-yet-valid',
    says: /not valid yet \(it is valid from .* here\)/,
  },
];

for (const { name, server, code, reason, says } of REFUSED) {
  test(`a server is refused before a byte of HTTP/2: ${name}`, async (t) => {
    const authority = createTestAuthority();
    const web = createEngine(t, createIdentity(authority, 'web'));
    const bad = await foreignServer(t, authority, server(authority));
    const expect = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });
    const target = { address: '127.0.0.1', port: bad.port, expect };
    const error = await failure(t, web.dial(target));
    t.is(error.code, code);
    t.regex(error.message, says);
    // At loopback another one answers where the one that was asked for is on another host.
    t.is(error.hint?.includes('--advertise') ?? false, code === 'wrong-identity');
    const labels = { direction: 'outbound', reason };
    t.is(await sample(web.registry, 'hauberk_handshakes_refused_total', labels), 1);
    t.is(web.metrics.totals().openTunnels, 0);

    const good = await foreignServer(t, authority, authority.workload('shop', 'api'));
    const tunnel = await within('the dial', web.dial({ ...target, port: good.port }));
    t.is(tunnel.peer.spiffeId.uri, expect.uri);
    t.deepEqual(good.seen.servernames, [false]);
    tunnel.destroy('forced');
    await tunnel.closed;
  });
}

test('a server that speaks something else than h2 is refused', async (t) => {
  const authority = createTestAuthority();
  const web = createEngine(t, createIdentity(authority, 'web'));
  const server = createTlsServer(serverOptions(authority, authority.workload('shop', 'api')));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const expect = authority.workload('shop', 'api').spiffeId;
  const port = (server.address() as AddressInfo).port;
  const error = await failure(t, web.dial({ address: '127.0.0.1', port, expect }));
  t.is(error.code, 'protocol');
  t.regex(error.message, /expected the protocol h2 by ALPN, got none/);
});

test('a dial resolves only when the server has judged our certificate', async (t) => {
  const authority = createTestAuthority();
  const stranger = createEngine(t, createIdentity(createTestAuthority(), 'web'));
  const api = createEngine(t, createIdentity(authority, 'api'));
  const roots = [authority.root.certificate];
  const own = stranger.identity.current();
  stranger.identity.set({ ...own, bundle: { ...own.bundle, roots } }, 'bundle');
  const listener = await api.listen(() => {});
  const error = await failure(t, stranger.dial(targetOf(listener, api.identity)));
  t.is(error.code, 'handshake');
  t.regex(error.message, /closed the connection instead of accepting this sidecar/);
  const labels = { direction: 'inbound', reason: 'untrusted' };
  t.is(await sample(api.registry, 'hauberk_handshakes_refused_total', labels), 1);
  t.is(listener.openTunnels, 0);
});

test('nobody listens, or nobody speaks TLS: the code says which', async (t) => {
  const authority = createTestAuthority();
  const web = createEngine(t, createIdentity(authority, 'web'));
  const expect = authority.workload('shop', 'api').spiffeId;
  const app = await startApp(t, (socket) => {
    socket.write('220 this is not TLS\r\n');
    socket.once('data', () => socket.destroy());
  });
  const target = { address: '127.0.0.1', port: app.port, expect };
  t.is((await failure(t, web.dial(target))).code, 'handshake');
  // A port that was free a moment ago may be another test's by now; nobody is given this one.
  const refused = await failure(t, web.dial({ ...target, port: 1 }));
  t.is(refused.code, 'unreachable');
  t.regex(refused.message, /ECONNREFUSED/);
});

test('a server that never answers is given up after the timeout, or when the caller gives up', async (t) => {
  const authority = createTestAuthority();
  const clock = createManualClock(Date.now());
  const web = createEngine(t, createIdentity(authority, 'web'), { clock });
  const expect = authority.workload('shop', 'api').spiffeId;
  let accepted = Promise.withResolvers<void>();
  const app = await startApp(t, () => accepted.resolve());
  const target = { address: '127.0.0.1', port: app.port, expect };
  const dialled = web.dial(target);
  dialled.catch(() => {});
  await within('the connection', accepted.promise);
  await clock.advance(5_000);
  const error = await failure(t, dialled);
  t.is(error.code, 'handshake');
  t.regex(error.message, /did not complete the handshake in 5000 ms/);

  accepted = Promise.withResolvers();
  const controller = new AbortController();
  const second = web.dial(target, controller.signal);
  second.catch(() => {});
  await within('the second connection', accepted.promise);
  controller.abort();
  t.is((await failure(t, second)).code, 'aborted');
  t.deepEqual(clock.pending, []);
});

test('a peer that stops answering PINGs loses its tunnel', async (t) => {
  const authority = createTestAuthority();
  const clock = createManualClock(Date.now());
  const web = createEngine(t, createIdentity(authority, 'web'), { clock });
  const { port, server } = await foreignServer(t, authority, authority.workload('shop', 'api'));
  const paused = once(server, 'secureConnection');
  const expect = authority.workload('shop', 'api').spiffeId;
  const tunnel = await web.dial({ address: '127.0.0.1', port, expect });
  const [socket] = (await paused) as [{ pause(): void; _handle?: { readStop(): void } }];
  socket._handle?.readStop();
  await clock.advance(10_000);
  t.true(tunnel.accepting);
  await clock.advance(20_000);
  t.is(await within('the end of the tunnel', tunnel.closed), 'keepalive-timeout');
  const labels = { direction: 'outbound', reason: 'keepalive-timeout' };
  t.is(await sample(web.registry, 'hauberk_tunnels_closed_total', labels), 1);
  t.deepEqual(clock.pending, []);
});

test.serial(
  'dials with a certificate that no context can be made of hold no descriptor',
  async (t) => {
    const authority = createTestAuthority();
    const identity = createIdentity(authority, 'web');
    const { privateKey } = authority.workload('shop', 'other');
    identity.set({ ...identity.current(), privateKey }, 'leaf');
    const web = createEngine(t, identity);
    const held = PROCESS_DESCRIPTORS.heldBy(TUNNELS_SHARE);
    const target = targetOf({ port: 1 }, createIdentity(authority, 'api'));
    for (let tries = 0; tries < 10; tries += 1) {
      await t.throwsAsync(web.dial(target), { message: /key values mismatch/ });
    }
    t.is(PROCESS_DESCRIPTORS.heldBy(TUNNELS_SHARE), held);
  },
);
