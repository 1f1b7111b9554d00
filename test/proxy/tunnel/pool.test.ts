import test from 'ava';
import type { ExecutionContext } from 'ava';
import { drain } from '../../../common/lifecycle.ts';
import { systemClock } from '../../../common/clock.ts';
import type { PoolLimits } from '../../../proxy/tunnel/pool-limits.ts';
import { createTunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import type { OpenedStream } from '../../../proxy/tunnel/tunnel-pool.ts';
import type { IncomingStream, TunnelListener } from '../../../proxy/tunnel/tunnel.ts';
import type { ListenLimits } from '../../../proxy/tunnel/tunnel-limits.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createEngine, createIdentity, sample, targetOf } from './harness.ts';

const MINUTE_MS = 60_000;

/** A clock that jumps by minutes would not wait for an answer. */
const NO_TIMEOUTS = {
  pingIntervalMs: 10_000 * MINUTE_MS,
  handshakeTimeoutMs: 10_000 * MINUTE_MS,
};

/** A pool on a clock that the test moves, and a listener that accepts everything. */
async function setUp(
  t: ExecutionContext,
  limits: Partial<PoolLimits> = {},
  onStream: (stream: IncomingStream) => void = (stream) => void stream.accept(),
  listenLimits: Partial<ListenLimits> = {},
) {
  const clock = createManualClock(Date.now());
  const authority = createTestAuthority();
  const options = { clock, limits: NO_TIMEOUTS };
  const web = createEngine(t, createIdentity(authority, 'web'), options);
  const api = createEngine(t, createIdentity(authority, 'api'), options);
  const listener = await api.listen(onStream, listenLimits);
  const { dial, guard, identity, logger } = web;
  const pool = createTunnelPool({
    dial,
    guard,
    identity,
    logger,
    clock,
    limits,
    random: () => 0.5,
  });
  t.teardown(() => pool.close());
  const target = targetOf(listener, api.identity);
  const open = (): Promise<OpenedStream> => within('a stream', pool.open(target, '127.0.0.1:80'));
  const dialled = (): Promise<number> =>
    sample(web.registry, 'hauberk_tunnels_opened_total', { direction: 'outbound' });
  return { clock, web, api, listener, pool, target, open, dialled };
}

const tunnels = (listener: TunnelListener, count: number): Promise<true> =>
  eventually(`${count} tunnels`, () => (listener.openTunnels === count ? true : undefined));

test('everybody who asks at once shares one dial and one tunnel', async (t) => {
  const { open, dialled, pool, target } = await setUp(t);
  const opened = await Promise.all(Array.from({ length: 50 }, open));
  t.is(await dialled(), 1);
  t.is(pool.openStreams(target), 50);
  for (const { stream } of opened) stream.reset();
  await eventually('the end of all streams', () => pool.openStreams(target) === 0 || undefined);
});

test('1,000 streams at once to a peer that takes 100 a tunnel need ten; beyond the bound they are refused', async (t) => {
  const ten = { maxTunnelsPerPeer: 10 };
  const { open, dialled, pool, target } = await setUp(t, ten, undefined, {
    maxConcurrentStreams: 100,
  });
  await Promise.all(Array.from({ length: 1_000 }, open));
  t.is(await dialled(), 10);
  t.is(pool.openStreams(target), 1_000);
  const error = await t.throwsAsync(open());
  t.like(error, { code: 'refused-stream' });
  t.regex(error.message, /all 10 tunnels .* are full/);
});

test('a tunnel stands before it is needed, and is gone after five idle minutes', async (t) => {
  const { clock, pool, target, listener, open, dialled } = await setUp(t);
  pool.warm(target);
  await tunnels(listener, 1);
  const { stream, tunnel } = await open();
  await clock.advance(10 * MINUTE_MS);
  t.is(listener.openTunnels, 1);
  stream.reset();
  await eventually('the end of the stream', () => tunnel.openStreams === 0 || undefined);
  await clock.advance(7 * MINUTE_MS);
  t.is(await within('the end of the idle tunnel', tunnel.closed), 'idle');
  await tunnels(listener, 0);
  t.is(await dialled(), 1);
  await open();
  t.is(await dialled(), 2);
});

test('no further peers get a tunnel before one is needed than the limit says', async (t) => {
  const { pool, target, listener, open, dialled } = await setUp(t, { maxWarmPeers: 1 });
  const warmed = [1, target.port, 2, 1].map((port) => pool.warm({ ...target, port }));
  t.deepEqual(warmed, [true, false, false, true]);
  t.is(await dialled(), 0);
  t.is(pool.tunnels().length, 0);
  // It has one as soon as it is needed.
  await open();
  await tunnels(listener, 1);
  // And is not one of those that are kept ready.
  t.false(pool.warm(target));
  t.is(await dialled(), 1);
});

test('peers that are only called, or drain, or were idle take no place of those that are held ready', async (t) => {
  const { clock, pool, target, open } = await setUp(t, { maxWarmPeers: 1 });
  const other = { ...target, port: 1 };
  const { stream, tunnel } = await open();
  t.true(pool.warm(other), 'there is one that was called');
  t.false(pool.warm(target));
  pool.forget(other);
  t.true(pool.warm(target));
  t.false(pool.warm(other));
  pool.forget(target);
  t.is(tunnel.openStreams, 1, 'it drains');
  t.true(pool.warm(other));
  await clock.advance(7 * MINUTE_MS);
  t.true(pool.warm(target), 'the other one was idle');
  stream.reset();
});

test('a warm target is dialled again, with backoff, when its tunnel dies', async (t) => {
  const { clock, pool, target, listener, web } = await setUp(t);
  pool.warm(target);
  await tunnels(listener, 1);
  await clock.advance(1_000);
  listener.force();
  const opened = { direction: 'outbound' };
  await eventually(
    'the second tunnel',
    async () =>
      (await sample(web.registry, 'hauberk_tunnels_opened_total', opened)) === 2 || undefined,
  );
  await listener.close();
  await eventually('a failed dial', async () => {
    await clock.advance(500);
    return web.lines.find(({ event }) => event === 'dial-failed');
  });
  const failure = web.lines.find(({ event }) => event === 'dial-failed');
  t.like(failure, { attempt: 1, retryInMs: 250 });
});

test('a forgotten target drains: what is under way lives on, nothing is dialled', async (t) => {
  const { clock, pool, target, listener, open, dialled } = await setUp(t);
  pool.warm(target);
  const { stream, tunnel } = await open();
  pool.forget(target);
  t.false(tunnel.accepting);
  await clock.advance(MINUTE_MS);
  t.is(tunnel.openStreams, 1);
  stream.reset();
  t.is(await within('the end of the tunnel', tunnel.closed), 'drained');
  await clock.advance(MINUTE_MS);
  await tunnels(listener, 0);
  t.is(await dialled(), 1);
});

test('a connection to a forgotten target still gets a successor before its certificate ends', async (t) => {
  const { clock, pool, target, open, dialled, web, api } = await setUp(t);
  const { stream, tunnel } = await open();
  pool.forget(target);
  const lifetimeMs = 180 * MINUTE_MS;
  await clock.advance(30 * MINUTE_MS);
  web.identity.renew({ lifetimeMs });
  api.identity.renew({ lifetimeMs });
  t.is(await dialled(), 1);
  await clock.advance(25 * MINUTE_MS);
  await eventually('the successor', async () => ((await dialled()) === 2 ? true : undefined));
  await clock.advance(30 * MINUTE_MS);
  t.true(clock.epochMs() > tunnel.peer.expiresMs);
  t.is(tunnel.openStreams, 1);
  stream.reset();
  t.is(await within('the end of the tunnel', tunnel.closed), 'drained');
});

test('a stream that the peer did not look at is tried once more, elsewhere', async (t) => {
  let refusals = 0;
  const { open, dialled, listener } = await setUp(t, {}, (stream) => {
    if (refusals > 0) return void stream.accept();
    refusals += 1;
    // The tunnel breaks between the question and the answer.
    listener.force();
  });
  const { tunnel } = await open();
  t.true(tunnel.accepting);
  t.is(await dialled(), 2);
});

test('a caller that gives up leaves the dial to the others', async (t) => {
  const { pool, target, open } = await setUp(t);
  const controller = new AbortController();
  const given = pool.open(target, '127.0.0.1:80', controller.signal);
  const kept = open();
  controller.abort();
  t.like(await t.throwsAsync(given), { code: 'aborted' });
  (await kept).stream.reset();
});

test('a pool that drains waits for its streams, opens nothing, and can be forced', async (t) => {
  const { pool, open, listener } = await setUp(t);
  const first = await open();
  const drained = drain(pool, { clock: systemClock, deadlineMs: 20_000 });
  t.like(await t.throwsAsync(open()), { code: 'aborted' });
  first.stream.reset();
  t.is(await within('the end of the drain', drained), 'idle');
  await tunnels(listener, 0);
});

test('a pool that is closed leaves no tunnel and no timer', async (t) => {
  const { pool, open, listener, clock, target } = await setUp(t);
  const { tunnel } = await open();
  pool.warm({ ...target, port: 1 });
  await within('the end of the pool', Promise.resolve(pool.close()));
  t.is(await tunnel.closed, 'forced');
  await tunnels(listener, 0);
  await listener.close();
  // What is left refills the bounds of peers that are gone.
  await clock.advance(MINUTE_MS);
  t.deepEqual(clock.pending, []);
});
