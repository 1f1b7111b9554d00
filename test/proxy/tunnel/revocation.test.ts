/**
 * What a sidecar does about revocations, in both directions: no handshake, and live tunnels end with
 * everything that they carry; whoever is not revoked notices nothing.
 */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { plusMs, systemClock, type EpochMs } from '../../../common/clock.ts';
import { RevocationList, serialOf, type Revocation } from '../../../common/pki/revocation.ts';
import { createRevocations } from '../../../proxy/discovery/revocations.ts';
import { withRevocations } from '../../../proxy/identity/revoking-source.ts';
import type { TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import { createTunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import { within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import {
  createEngine,
  createIdentity,
  relaySocket,
  sample,
  serveApp,
  socketPair,
  startApp,
  targetOf,
  type TestIdentity,
} from './harness.ts';

const expiresMs = plusMs(systemClock.epochMs(), 3_600_000);
const date = (ms: number): EpochMs => ms as EpochMs;

/** An engine that hears of revocations, as every sidecar does. */
function sidecar(t: ExecutionContext, own: TestIdentity) {
  const revocations = createRevocations(systemClock);
  const identity: TestIdentity = {
    ...withRevocations(own, revocations),
    set: own.set,
    renew: own.renew,
  };
  return { revocations, ...createEngine(t, identity) };
}

async function pair(t: ExecutionContext) {
  const authority = createTestAuthority();
  const api = sidecar(t, createIdentity(authority, 'api'));
  const app = await startApp(t, (socket) => socket.resume());
  const listener = await api.listen(serveApp(app.port));
  const target = targetOf(listener, api.identity);
  const caller = (service: string) => {
    const engine = sidecar(t, createIdentity(authority, service));
    const { dial, guard, identity, logger } = engine;
    const limits = { redialBaseMs: 1, redialCapMs: 1000 };
    const options = {
      dial,
      guard,
      identity,
      logger,
      limits,
      clock: systemClock,
      random: () => 0.5,
    };
    const pool = createTunnelPool(options);
    t.teardown(() => pool.close());
    const open = () => within('a stream', pool.open(target, `127.0.0.1:${app.port}`));
    /** A connection of an application that goes on until something ends it. */
    const carry = async () => {
      const { stream, tunnel } = await open();
      const { side } = await socketPair(t);
      return { tunnel, outcome: relaySocket(stream, side) };
    };
    return { ...engine, open, carry };
  };
  return { api, listener, caller };
}

const ofIdentity = ({ identity }: { readonly identity: TestIdentity }): Revocation => ({
  spiffeId: identity.current().spiffeId.uri,
  expiresMs,
});
const ofLeaf = ({ identity }: { readonly identity: TestIdentity }): Revocation => ({
  spiffeId: identity.current().spiffeId.uri,
  serial: serialOf(identity.current().chain[0]),
  expiresMs,
});

for (const [what, revocation] of Object.entries({ identity: ofIdentity, certificate: ofLeaf })) {
  test(`a caller whose ${what} is revoked loses its tunnel, and another one keeps its own`, async (t) => {
    const { api, listener, caller } = await pair(t);
    const [web, other] = [caller('web'), caller('other')];
    const [victim, bystander] = [await web.carry(), await other.carry()];
    api.revocations.merge([revocation(web)]);
    await within('the end of the tunnel', victim.tunnel.closed);
    t.not(await within('the end of the connection', victim.outcome), 'complete');
    const labels = { direction: 'inbound', reason: 'revoked' };
    t.is(await sample(api.registry, 'hauberk_tunnels_closed_total', labels), 1);

    await t.throwsAsync(web.open());
    t.true((await sample(api.registry, 'hauberk_handshakes_refused_total', labels)) > 0);
    t.true(bystander.tunnel.accepting);
    t.is((await other.open()).tunnel, bystander.tunnel);
    t.is(listener.openTunnels, 1);
  });

  test(`a peer whose ${what} is revoked is dialled no more, and its tunnel ends`, async (t) => {
    const { api, caller } = await pair(t);
    const [web, other] = [caller('web'), caller('other')];
    const [cut, kept] = [await web.carry(), await other.carry()];
    web.revocations.merge([revocation(api)]);
    t.is(await within('the end of the tunnel', cut.tunnel.closed), 'revoked');
    const error = await t.throwsAsync<TunnelError>(web.open());
    t.is(error?.code, 'untrusted');
    t.regex(error?.message ?? '', /not revoked/);
    const labels = { direction: 'outbound', reason: 'revoked' };
    t.true((await sample(web.registry, 'hauberk_handshakes_refused_total', labels)) > 0);
    t.true(kept.tunnel.accepting);
  });
}

test('the next certificate of the same identity is welcome when only the last one was revoked', async (t) => {
  const { api, caller } = await pair(t);
  const web = caller('web');
  await web.carry();
  api.revocations.merge([ofLeaf(web)]);
  web.identity.renew();
  const { tunnel } = await web.carry();
  t.true(tunnel.accepting);
});

test('a readmitted identity comes back with certificates from after it', async (t) => {
  const { api, caller } = await pair(t);
  const web = caller('web');
  const notBeforeMs = web.identity.current().chain[0].validFromDate.getTime() as EpochMs;
  api.revocations.merge([{ ...ofIdentity(web), notBeforeMs }]);
  await t.throwsAsync(web.open());
  web.identity.renew({ nowMs: Date.now() + 1000 });
  t.true((await web.open()).tunnel.accepting);
});

test('revocations go by their end alone, whatever a control plane has forgotten', async (t) => {
  const clock = createManualClock(1000);
  const known = createRevocations(clock);
  const [web, api] = ['web', 'api'].map((spiffeId) => ({ spiffeId, expiresMs: date(2000) }));
  if (web === undefined || api === undefined) return t.fail();
  let changes = 0;
  known.onChange(() => (changes += 1));
  known.serverTime(date(1000));
  known.merge([web]);
  known.merge([]);
  known.merge([web]);
  t.deepEqual([known.current().all, changes], [[web], 1]);
  known.merge([{ ...web, notBeforeMs: date(5) }, api]);
  t.deepEqual(known.current().all, [{ ...web, notBeforeMs: date(5) }, api]);
  clock.step(86_400_000);
  known.merge([]);
  t.is(known.current().all.length, 2, 'a clock that is set forward is not believed at once');
  clock.step(-86_400_000);
  await clock.advance(1000);
  known.merge([{ ...api, serial: 'ab', expiresMs: date(3000) }]);
  t.is(known.current().all.length, 1);
  t.is(known.current().without(date(3000)).all.length, 0);
});

test('a sidecar whose clock was wrong when it started keeps revocations until the control plane says that they ended', async (t) => {
  const clock = createManualClock(3_600_000);
  const [saved, told] = ['saved', 'told'].map((spiffeId) => ({ spiffeId, expiresMs: date(2000) }));
  if (saved === undefined || told === undefined) return t.fail();
  const known = createRevocations(clock, [saved]);
  known.merge([told]);
  t.deepEqual(known.current().all, [saved, told], 'it knows no date but its own');
  known.serverTime(date(1000));
  known.merge([]);
  t.deepEqual(known.current().all, [saved, told], 'ahead of the control plane');
  clock.step(-3_599_000);
  known.merge([]);
  t.deepEqual(known.current().all, [saved, told], 'right again');
  await clock.advance(1000);
  known.merge([]);
  t.deepEqual(known.current().all, []);
});

test('a control plane whose clock is ahead ends no revocation', (t) => {
  const clock = createManualClock(1000);
  const web = { spiffeId: 'web', expiresMs: date(2000) };
  const known = createRevocations(clock, [web]);
  known.serverTime(date(3_600_000));
  known.merge([]);
  t.deepEqual(known.current().all, [web]);
});

test('a list finds by serial, and by identity up to a NotBefore', (t) => {
  const certificate = { serialNumber: '0AFF', validFromDate: new Date(1000) };
  const list = (revocation: Partial<Revocation>) =>
    new RevocationList([{ spiffeId: 'web', expiresMs, ...revocation }]);
  t.truthy(list({ serial: '0aff' }).find('web', certificate));
  t.is(list({ serial: '0afe' }).find('web', certificate), undefined);
  t.truthy(list({}).find('web', certificate));
  t.is(list({}).find('api', certificate), undefined);
  t.truthy(list({ notBeforeMs: date(1000) }).find('web', certificate));
  t.is(list({ notBeforeMs: date(999) }).find('web', certificate), undefined);
});
