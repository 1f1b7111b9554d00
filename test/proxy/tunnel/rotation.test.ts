import { once } from 'node:events';
import type { Socket } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { Clock } from '../../../common/clock.ts';
import { drain } from '../../../common/lifecycle.ts';
import { systemClock } from '../../../common/clock.ts';
import type { PoolLimits } from '../../../proxy/tunnel/pool-limits.ts';
import { createTunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import {
  createEngine,
  createIdentity,
  readAll,
  relaySocket,
  sample,
  serveApp,
  socketPair,
  startApp,
  targetOf,
} from './harness.ts';
import type { Engine } from './harness.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A clock that jumps by minutes would not wait for the answer to a PING. */
const NO_PING = { pingIntervalMs: 1000 * HOUR_MS };

function poolOf(
  t: ExecutionContext,
  { dial, guard, identity, logger }: Engine,
  clock: Clock = systemClock,
  limits: Partial<PoolLimits> = {},
) {
  const pool = createTunnelPool({
    dial,
    guard,
    identity,
    clock,
    logger,
    limits,
    random: () => 0.5,
  });
  t.teardown(() => pool.close());
  return pool;
}

async function pair(t: ExecutionContext, clock: Clock = systemClock, limits = {}) {
  const authority = createTestAuthority();
  const options = { clock, limits: clock === systemClock ? {} : NO_PING };
  const web = createEngine(t, createIdentity(authority, 'web'), options);
  const api = createEngine(t, createIdentity(authority, 'api'), options);
  const app = await startApp(t, (socket) => {
    // A connection that is reset has no answer.
    readAll(socket).then(
      (body) => socket.end(body),
      () => {},
    );
  });
  const listener = await api.listen(serveApp(app.port));
  const pool = poolOf(t, web, clock, limits);
  const target = targetOf(listener, api.identity);
  /** A connection of an application, open until the test ends it. */
  const connect = async () => {
    const { stream, tunnel } = await within('a stream', pool.open(target, `127.0.0.1:${app.port}`));
    const { app: client, side } = await socketPair(t);
    const outcome = relaySocket(stream, side);
    /** Works from one end to the other: what goes in comes out. */
    const finish = async (): Promise<string> => {
      client.end('ping');
      const body = await within('the echo', readAll(client));
      return `${body.toString()} ${await outcome}`;
    };
    return { client, outcome, tunnel, finish };
  };
  return { authority, web, api, listener, pool, target, connect, app };
}

const endedBy = (engine: Engine, direction: string, reason: string): Promise<number> =>
  sample(engine.registry, 'hauberk_tunnels_closed_total', { direction, reason });

test('a new leaf of the dialling side moves new streams to a new tunnel, and the old one drains', async (t) => {
  const { web, listener, connect } = await pair(t);
  const before = await connect();
  web.identity.renew();
  await eventually('the new tunnel', () => !before.tunnel.accepting || undefined);
  t.is(listener.openTunnels, 2);
  const after = await connect();
  t.not(after.tunnel, before.tunnel);
  t.is(await before.finish(), 'ping complete');
  t.is(await within('the end of the old tunnel', before.tunnel.closed), 'drained');
  t.is(await after.finish(), 'ping complete');
});

test('a new leaf of the listening side has its tunnels replaced', async (t) => {
  const { api, connect, listener } = await pair(t);
  const before = await connect();
  api.identity.renew();
  await eventually('the new tunnel', () => listener.openTunnels === 2 || undefined);
  const after = await connect();
  t.not(after.tunnel, before.tunnel);
  t.is(await before.finish(), 'ping complete');
  t.is(await within('the end of the old tunnel', before.tunnel.closed), 'goaway');
  t.is(await after.finish(), 'ping complete');
});

test('a root that is added leaves tunnels alone, one that is removed has them replaced', async (t) => {
  const { web, connect, authority } = await pair(t);
  const before = await connect();
  const own = web.identity.current();
  const added = createTestAuthority().root.certificate;
  const roots = [added, authority.root.certificate];
  web.identity.set({ ...own, bundle: { ...own.bundle, version: 2, roots } }, 'bundle');
  t.is((await connect()).tunnel, before.tunnel);
  const other = createTestAuthority().root.certificate;
  web.identity.set({ ...own, bundle: { ...own.bundle, version: 3, roots: [other] } }, 'bundle');
  const error = await within(
    'the failed replacement',
    eventually('a failed dial', () => web.lines.find(({ event }) => event === 'dial-failed')),
  );
  t.regex(String(error['msg']), /from a root of the trust bundle/);
  web.identity.set({ ...own, bundle: { ...own.bundle, version: 4 } }, 'bundle');
  t.is(await before.finish(), 'ping complete');
});

test('streams that are opened all the time while both sides rotate again and again never fail', async (t) => {
  const { web, api, connect } = await pair(t, systemClock, { redialBaseMs: 1 });
  const rounds = 40;
  let running = true;
  const results: string[] = [];
  const load = async (): Promise<void> => {
    while (running) results.push(await (await connect()).finish());
  };
  const workers = Array.from({ length: 8 }, load);
  for (let round = 0; round < rounds; round += 1) {
    (round % 2 === 0 ? api : web).identity.renew();
    const enough = results.length + 5;
    await eventually('requests after a rotation', () => results.length >= enough || undefined);
  }
  running = false;
  await within('the end of the load', Promise.all(workers));
  t.deepEqual(
    results.filter((result) => result !== 'ping complete'),
    [],
  );
  const opened = await sample(api.registry, 'hauberk_tunnels_opened_total', {
    direction: 'inbound',
  });
  t.true(opened > rounds / 2);
  t.is(await endedBy(api, 'inbound', 'protocol-error'), 0);
  t.is(await endedBy(web, 'outbound', 'protocol-error'), 0);
});

test('a listener that drains lets what is under way finish, and takes nothing new', async (t) => {
  const { listener, connect, pool, target } = await pair(t);
  const under = await connect();
  const drained = drain(listener, { clock: systemClock, deadlineMs: 20_000 });
  await eventually('the GOAWAY', () => !under.tunnel.accepting || undefined);
  const error = await t.throwsAsync(pool.open(target, '127.0.0.1:1'));
  t.like(error, { code: 'unreachable' });
  t.is(await under.finish(), 'ping complete');
  t.is(await within('the end of the drain', drained), 'idle');
  t.is(listener.openTunnels, 0);
});

test('a drain that meets its deadline resets what is left', async (t) => {
  const { listener, connect, app } = await pair(t);
  const accepted = once(app.server, 'connection') as Promise<[Socket]>;
  const under = await connect();
  const [socket] = await accepted;
  under.client.write('half of it');
  await once(socket, 'data');
  const ended = once(under.client.resume(), 'error');
  t.is(await drain(listener, { clock: systemClock, deadlineMs: 1 }), 'forced');
  const [error] = (await within('the reset', ended)) as [NodeJS.ErrnoException];
  t.is(error.code, 'ECONNRESET');
});

test('a connection outlives every certificate, as long as both sides renew theirs', async (t) => {
  const clock = createManualClock(Date.now());
  const { web, api, connect, listener } = await pair(t, clock);
  const long = await connect();
  for (let hour = 0; hour < 3; hour += 1) {
    await clock.advance(30 * MINUTE_MS);
    // TLS itself looks at the machine's clock, so the new leaf is valid now and until then.
    const lifetimeMs = clock.epochMs() + HOUR_MS - Date.now();
    const opened = await sample(api.registry, 'hauberk_tunnels_opened_total');
    web.identity.renew({ lifetimeMs });
    await eventually(
      'the successor',
      async () =>
        (await sample(api.registry, 'hauberk_tunnels_opened_total')) > opened || undefined,
    );
    const again = await sample(api.registry, 'hauberk_tunnels_opened_total');
    await clock.advance(MINUTE_MS);
    api.identity.renew({ lifetimeMs });
    await eventually(
      'the next successor',
      async () => (await sample(api.registry, 'hauberk_tunnels_opened_total')) > again || undefined,
    );
  }
  t.true(clock.epochMs() > long.tunnel.peer.expiresMs);
  t.is(await long.finish(), 'ping complete');
  t.true(listener.openTunnels >= 1);
});

test('an identity that is not renewed loses its connections when it expires, on both sides', async (t) => {
  for (const enforcer of ['web', 'api'] as const) {
    const clock = createManualClock(Date.now());
    const frozen = createManualClock(Date.now());
    const authority = createTestAuthority();
    const web = createEngine(t, createIdentity(authority, 'web'), {
      clock: enforcer === 'web' ? clock : frozen,
      limits: NO_PING,
    });
    const api = createEngine(t, createIdentity(authority, 'api'), {
      clock: enforcer === 'api' ? clock : frozen,
      limits: NO_PING,
    });
    const app = await startApp(t, () => {});
    const listener = await api.listen(serveApp(app.port));
    const pool = poolOf(t, web, enforcer === 'web' ? clock : frozen);
    const target = targetOf(listener, api.identity);
    const { stream, tunnel } = await pool.open(target, `127.0.0.1:${app.port}`);
    const { app: client, side } = await socketPair(t);
    client.write('x');
    const relayed = relaySocket(stream, side);
    const reset = once(client.resume(), 'error');
    // No successor can be made: nobody is there to take the handshake.
    if (enforcer === 'web') listener.refuse();
    await clock.advance(HOUR_MS - MINUTE_MS);
    t.is(tunnel.openStreams, 1, `${enforcer}: alive before the certificate expires`);
    await clock.advance(2 * MINUTE_MS);
    const [error] = (await within(`${enforcer}: the reset`, reset)) as [NodeJS.ErrnoException];
    t.is(error.code, 'ECONNRESET');
    t.not(await relayed, 'complete');
    const engine = enforcer === 'web' ? web : api;
    const direction = enforcer === 'web' ? 'outbound' : 'inbound';
    await within('the end of the tunnel', tunnel.closed);
    await eventually(
      `${enforcer}: the count`,
      async () => (await endedBy(engine, direction, 'expired')) === 1 || undefined,
    );
  }
});
