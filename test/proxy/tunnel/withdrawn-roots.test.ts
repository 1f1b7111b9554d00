/**
 * The key of a root was stolen, and the thief has made certificates with it. When the root is
 * withdrawn the tunnels that were made with them end at once, with everything that they carry;
 * whoever has proven himself below another root notices nothing.
 */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { createIssuer, crossSign } from '../../../common/pki/authority.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import { createTunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createTestAuthority, type TestAuthority } from '../../helpers/mesh/test-authority.ts';
import {
  createEngine,
  createIdentity,
  relaySocket,
  sample,
  serveApp,
  socketPair,
  startApp,
  targetOf,
  toIdentity,
  type TestIdentity,
} from './harness.ts';

const nowMs = Date.now();
const trustDomain = 'mesh.local';

/** A mesh that trusts the stolen root and its successor, as at the end of the grace. */
function theft() {
  const [former, present] = [createTestAuthority(), createTestAuthority()];
  const roots = [present.root.certificate, former.root.certificate];
  const during: TrustBundle = { trustDomain, version: 3, roots };
  const dropped: TrustBundle = { trustDomain, version: 4, roots: [present.root.certificate] };
  /** With an issuer of his own: what he makes is in no log. */
  const issuer = createIssuer(former.root, { trustDomain, nowMs });
  const forger = createTestAuthority({ issuer });
  const believing = ({ issuer: signer }: TestAuthority): TestAuthority => ({
    ...createTestAuthority({ issuer: signer }),
    bundle: during,
  });
  return {
    former: former.root,
    present: present.root,
    honest: believing(present),
    forged: believing(forger),
    during,
    dropped,
    withdrawn: { ...dropped, withdrawn: [former.root.certificate] } satisfies TrustBundle,
  };
}

/** Carries a connection from one sidecar to another, until something ends it. */
async function carry(t: ExecutionContext, from: TestIdentity, to: TestIdentity) {
  const [web, api] = [createEngine(t, from), createEngine(t, to)];
  const app = await startApp(t, (socket) => {
    socket.resume().on('end', () => socket.end());
  });
  const listener = await api.listen(serveApp(app.port));
  const { dial, guard, identity, logger } = web;
  const options = { dial, guard, identity, logger, clock: systemClock, random: () => 0.5 };
  const pool = createTunnelPool(options);
  t.teardown(() => pool.close());
  const opening = pool.open(targetOf(listener, to), `127.0.0.1:${app.port}`);
  const { stream, tunnel } = await within('a stream', opening);
  const { app: client, side } = await socketPair(t);
  const outcome = relaySocket(stream, side);
  return { web, api, tunnel, client, outcome };
}

function told(identity: TestIdentity, bundle: TrustBundle): void {
  identity.set({ ...identity.current(), bundle }, 'bundle');
}

test('a caller with a forged certificate loses its tunnel when the stolen root is withdrawn', async (t) => {
  const { forged, honest, withdrawn } = theft();
  const api = createIdentity(honest, 'api');
  const thief = await carry(t, createIdentity(forged, 'web'), api);
  told(api, withdrawn);
  await within('the end of the tunnel', thief.tunnel.closed);
  t.not(await within('the end of the connection', thief.outcome), 'complete');
  const labels = { direction: 'inbound', reason: 'revoked' };
  t.is(await sample(thief.api.registry, 'hauberk_tunnels_closed_total', labels), 1);
});

test('a server with a forged certificate loses its tunnel when the stolen root is withdrawn', async (t) => {
  const { forged, honest, withdrawn } = theft();
  const web = createIdentity(honest, 'web');
  const thief = await carry(t, web, createIdentity(forged, 'api'));
  told(web, withdrawn);
  t.is(await within('the end of the tunnel', thief.tunnel.closed), 'revoked');
  t.not(await within('the end of the connection', thief.outcome), 'complete');
});

test('whoever leads to the new root keeps his tunnel on both sides', async (t) => {
  const { honest, withdrawn } = theft();
  const [from, to] = [createIdentity(honest, 'web'), createIdentity(honest, 'api')];
  const { client, outcome, web, api } = await carry(t, from, to);
  told(to, withdrawn);
  told(from, withdrawn);
  client.end('ping');
  client.resume();
  t.is(await within('the end of the connection', outcome), 'complete');
  for (const { registry } of [web, api]) {
    const labels = { reason: 'revoked' };
    t.is(await sample(registry, 'hauberk_tunnels_closed_total', labels), 0);
  }
});

test('a root that goes without a theft ends nothing, also after a theft of another one', async (t) => {
  const { forged, honest, dropped } = theft();
  const elsewhere = createTestAuthority().root.certificate;
  const api = createIdentity(honest, 'api');
  const { client, outcome } = await carry(t, createIdentity(forged, 'web'), api);
  told(api, dropped);
  told(api, { ...dropped, version: 5, withdrawn: [elsewhere] });
  client.end('ping');
  client.resume();
  t.is(await within('the end of the connection', outcome), 'complete');
});

test('a handshake that ends after the root was withdrawn is no way in', async (t) => {
  const { forged, honest, during, withdrawn } = theft();
  const own = createIdentity(honest, 'api');
  const [thief, api] = [createEngine(t, createIdentity(forged, 'web')), createEngine(t, own)];
  const listener = await api.listen((stream) => t.fail(`got a stream to ${stream.authority}`));
  // TLS still believes the former root, as it does in a handshake that began before.
  told(own, { ...withdrawn, roots: during.roots });
  const dialling = thief.dial(targetOf(listener, own), new AbortController().signal);
  const ended = dialling.then(
    ({ closed }) => closed,
    () => 'refused',
  );
  await within('the end of the dial', ended);
  await eventually('the end of the tunnel', async () => {
    const labels = { direction: 'inbound', reason: 'revoked' };
    return (await sample(api.registry, 'hauberk_tunnels_closed_total', labels)) === 1 || undefined;
  });
  t.is(listener.openTunnels, 0);
});

test('a cross-signature by the stolen root that comes along takes nothing from the new one', async (t) => {
  const { honest, former, present, during, withdrawn } = theft();
  const crossSignature = crossSign(former, present.certificate, { trustDomain, nowMs });
  const workload = honest.workload('shop', 'web');
  const from = createIdentity(honest, 'web');
  from.set(toIdentity({ ...workload, chain: [...workload.chain, crossSignature] }, during), 'leaf');
  const api = createIdentity(honest, 'api');
  const { client, outcome } = await carry(t, from, api);
  told(api, withdrawn);
  client.end('ping');
  client.resume();
  t.is(await within('the end of the connection', outcome), 'complete');
});

test('a thief who sends an honest issuer along is not believed for it', async (t) => {
  const { forged, honest, during, withdrawn } = theft();
  const workload = forged.workload('shop', 'web');
  const [leaf, ...issuers] = workload.chain;
  for (const more of [
    [honest.issuer.certificate, ...issuers],
    [...issuers, honest.issuer.certificate],
  ]) {
    const from = createIdentity(forged, 'web');
    from.set(toIdentity({ ...workload, chain: [leaf, ...more] }, during), 'leaf');
    const api = createIdentity(honest, 'api');
    const thief = await carry(t, from, api);
    told(api, withdrawn);
    await within('the end of the tunnel', thief.tunnel.closed);
    t.not(await thief.outcome, 'complete');
  }
});
