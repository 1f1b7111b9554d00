import { once } from 'node:events';
import type { ConnectionOptions } from 'node:tls';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createRoot } from '../../../common/pki/authority.ts';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import type { TestAuthority } from '../../helpers/mesh/test-authority.ts';
import { closed, connectForeign, foreignSession, odd, tlsOptions } from './foreign-peer.ts';
import { createEngine, createIdentity, sample } from './harness.ts';

const HOUR_MS = 3_600_000;

async function listening(t: ExecutionContext, authority: TestAuthority) {
  const engine = createEngine(t, createIdentity(authority, 'api'));
  const listener = await engine.listen(() => {});
  return { engine, listener };
}

const REFUSED: Record<string, (authority: TestAuthority) => ConnectionOptions> = {
  'certificate-missing': (authority) => tlsOptions(authority, undefined),
  untrusted: (authority) => {
    const other = createTestAuthority();
    return { ...tlsOptions(authority, other.workload('shop', 'web')) };
  },
  expired: (authority) => {
    const nowMs = Date.now() - HOUR_MS;
    return tlsOptions(authority, authority.workload('shop', 'web', { nowMs, lifetimeMs: 60_000 }));
  },
  'not-yet-valid': (authority) => {
    const nowMs = Date.now() + HOUR_MS;
    return tlsOptions(authority, authority.workload('shop', 'web', { nowMs, lifetimeMs: 60_000 }));
  },
  'san-missing': (authority) => {
    const web = authority.workload('shop', 'web');
    return { ...tlsOptions(authority, web), cert: odd(authority, web, 'DNS:web') };
  },
  'san-multiple': (authority) => {
    const web = authority.workload('shop', 'web');
    const uris = ['web', 'api'].map((name) => `URI:spiffe://mesh.local/ns/shop/sa/${name}`);
    return { ...tlsOptions(authority, web), cert: odd(authority, web, uris.join(',')) };
  },
  'spiffe-id': (authority) => {
    const web = authority.workload('shop', 'web');
    return {
      ...tlsOptions(authority, web),
      cert: odd(authority, web, 'URI:https://mesh.local/web'),
    };
  },
  'wrong-trust-domain': (authority) => {
    const web = authority.workload('shop', 'web');
    const uri = 'URI:spiffe://other.example/ns/shop/sa/web';
    return { ...tlsOptions(authority, web), cert: odd(authority, web, uri) };
  },
  'no-alpn': (authority) => ({
    ...tlsOptions(authority, authority.workload('shop', 'web')),
    ALPNProtocols: ['http/1.1'],
  }),
  'tls-error': (authority) => ({
    ...tlsOptions(authority, authority.workload('shop', 'web')),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
  }),
};

for (const [reason, options] of Object.entries(REFUSED)) {
  test(`a peer is refused, and sees no more than that: ${reason}`, async (t) => {
    const authority = createTestAuthority();
    const { engine, listener } = await listening(t, authority);
    const socket = connectForeign(t, listener.port, options(authority));
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    await within('the end of the refused connection', closed(socket));
    t.is(Buffer.concat(received).length, 0);
    const labels = { direction: 'inbound', reason };
    t.is(await sample(engine.registry, 'hauberk_handshakes_refused_total', labels), 1);
    const lines = engine.lines.filter(({ event }) => event === 'handshake-refused');
    t.is(lines.length, 1);
    t.is(lines[0]?.['reason'], reason);
    t.is(lines[0]?.['address'], '127.0.0.1');

    // The same listener takes a peer who proves itself.
    const web = tlsOptions(authority, authority.workload('shop', 'web'));
    const session = await foreignSession(t, listener.port, web);
    await within('the SETTINGS of the listener', once(session, 'remoteSettings'));
    t.is(listener.openTunnels, 1);
  });
}

test('a peer that shows no ALPN at all is refused', async (t) => {
  const authority = createTestAuthority();
  const { engine, listener } = await listening(t, authority);
  const { ALPNProtocols: _, ...options } = tlsOptions(authority, authority.workload('shop', 'web'));
  const socket = connectForeign(t, listener.port, options);
  await within('the end of the refused connection', closed(socket));
  const labels = { direction: 'inbound', reason: 'no-alpn' };
  t.is(await sample(engine.registry, 'hauberk_handshakes_refused_total', labels), 1);
});

test('a new identity and a new bundle count for the very next handshake', async (t) => {
  const authority = createTestAuthority();
  const other = createTestAuthority();
  const { engine, listener } = await listening(t, authority);
  const { identity } = engine;
  const stranger = { ...tlsOptions(authority, other.workload('shop', 'web')) };
  await within('the refusal', closed(connectForeign(t, listener.port, stranger)));
  const roots = [authority.root.certificate, other.root.certificate];
  identity.set({ ...identity.current(), bundle: { ...authority.bundle, roots } }, 'bundle');
  const session = await foreignSession(t, listener.port, stranger);
  await within('the SETTINGS of the listener', once(session, 'remoteSettings'));
  t.is(listener.openTunnels, 1);

  identity.renew();
  const web = tlsOptions(authority, authority.workload('shop', 'web'));
  const socket = connectForeign(t, listener.port, web);
  await once(socket, 'secureConnect');
  t.true(socket.getPeerX509Certificate()?.raw.equals(identity.current().chain[0].raw));
  t.is(socket.getProtocol(), 'TLSv1.3');
});

test('an identity that no handshake can be made with changes nothing but whom we believe', async (t) => {
  const authority = createTestAuthority();
  const other = createTestAuthority();
  const { engine, listener } = await listening(t, authority);
  const { identity, registry, lines } = engine;
  const before = identity.current();
  const both = [authority.root.certificate, other.root.certificate];
  identity.set({ ...before, bundle: { ...authority.bundle, roots: both } }, 'bundle');
  const stranger = tlsOptions(authority, other.workload('shop', 'web'));
  const welcome = await foreignSession(t, listener.port, stranger);
  await within('the SETTINGS of the listener', once(welcome, 'remoteSettings'));

  // The key of another certificate; and the other root is no longer believed.
  const { privateKey } = authority.workload('shop', 'api');
  identity.set({ ...before, privateKey }, 'leaf');
  await within('the refusal', closed(connectForeign(t, listener.port, stranger)));
  t.is(await sample(registry, 'hauberk_tls_contexts_refused_total'), 1);
  t.regex(
    String(lines.find(({ event }) => event === 'identity-unusable')?.['msg']),
    /key values mismatch.*the previous ones stay in use/,
  );
  const labels = { direction: 'inbound', reason: 'untrusted' };
  t.is(await sample(registry, 'hauberk_handshakes_refused_total', labels), 1);

  const web = tlsOptions(authority, authority.workload('shop', 'web'));
  const socket = connectForeign(t, listener.port, web);
  await once(socket, 'secureConnect');
  t.true(socket.getPeerX509Certificate()?.raw.equals(before.chain[0].raw));

  identity.renew();
  const session = await foreignSession(t, listener.port, web);
  await within('the SETTINGS of the listener', once(session, 'remoteSettings'));
  t.is(await sample(registry, 'hauberk_tls_contexts_refused_total'), 1);
});

test('more roots of other trust domains than could be named keep nobody out', async (t) => {
  const authority = createTestAuthority();
  const trustDomain = 'partner.example';
  const partner = createTestAuthority({ trustDomain });
  const crowd = Array.from(
    { length: 1_600 },
    () => createRoot({ trustDomain, nowMs: Date.now() }).certificate,
  );
  const { engine, listener } = await listening(t, authority);
  const { identity } = engine;
  const federated = new Map([[trustDomain, [...crowd, partner.root.certificate]]]);
  identity.set({ ...identity.current(), bundle: { ...authority.bundle, federated } }, 'bundle');
  for (const peer of [authority.workload('shop', 'web'), partner.workload('shop', 'web')]) {
    const session = await foreignSession(t, listener.port, tlsOptions(authority, peer));
    await within('the SETTINGS of the listener', once(session, 'remoteSettings'));
  }
  t.is(listener.openTunnels, 2);
});

test('refusals are logged once per reason and second, and all are counted', async (t) => {
  const authority = createTestAuthority();
  const { engine, listener } = await listening(t, authority);
  const options = tlsOptions(authority, undefined);
  const sockets = Array.from({ length: 20 }, () => connectForeign(t, listener.port, options));
  await within('the end of all refused connections', Promise.all(sockets.map(closed)));
  await listener.close();
  const lines = engine.lines.filter(({ event }) => event === 'handshake-refused');
  t.true(lines.length < 20);
  t.is(lines[0]?.['suppressed'], 0);
  const labels = { direction: 'inbound', reason: 'certificate-missing' };
  t.is(await sample(engine.registry, 'hauberk_handshakes_refused_total', labels), 20);
});
