/**
 * The wall clock is set by any amount, either way, at any moment, under everything that waits: nothing is
 * stopped, and nothing is rushed. A component that waits gets a line in the table below.
 */
import test from 'ava';
import fc from 'fast-check';
import { pino } from 'pino';
import { sleep, type Clock } from '../common/clock.ts';
import { afterByEither } from '../common/dates.ts';
import { createRefusalLines } from '../common/logging/refusal-lines.ts';
import { spiffeId } from '../common/pki/spiffe-id.ts';
import { createRateLimit } from '../common/rate-limit.ts';
import { repeat } from '../common/repeat.ts';
import { RpcError } from '../common/rpc/rpc-error.ts';
import { createSyncHub, PUSH_INTERVAL_MS } from '../control-plane/api/sync/hub.ts';
import { startSelfRenewal } from '../control-plane/ca/own/self-renewal.ts';
import type { MeshView } from '../control-plane/registry/mesh-view.ts';
import { startMaintenance } from '../control-plane/server/maintenance.ts';
import { LeaseTimers } from '../control-plane/store/sqlite/lease-timers.ts';
import { DEPARTED_MS } from '../common/network/departed-addresses.ts';
import { rememberDeparted } from '../proxy/discovery/departed.ts';
import { createMeshView } from '../proxy/discovery/mutable-view.ts';
import { createSyncConnection } from '../proxy/discovery/sync/connection.ts';
import { Deadlines } from '../proxy/http/forward/deadlines.ts';
import type { FencedStore } from '../control-plane/leader/fenced-store.ts';
import { FloodGuard } from '../proxy/http2/flood-guard.ts';
import { createRefusals } from '../proxy/interception/refusals.ts';
import { EndpointHealth } from '../proxy/outbound/endpoint-health.ts';
import { watchNetwork, type Interfaces } from '../proxy/interception/lost-network.ts';
import { ExpiryWatch } from '../proxy/tunnel/expiry-watch.ts';
import { createManualClock } from './helpers/manual-clock.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
/** Fractions of tokens add up to a little less than one. */
const SLACK_MS = 1;
const logger = pino({ level: 'silent' });

/** Begins to wait, and returns what tells whether what it waits for has come. */
type Begin = (clock: Clock) => () => boolean;

interface Waiting {
  readonly delayMs: number;
  readonly begin: Begin;
  /** It waits for a date as well, and a wall clock that shows it is believed: a machine was suspended. */
  readonly byDate?: true;
}

/** For what tells by a callback. */
const told = (begin: (clock: Clock, tell: () => void) => unknown): Begin => {
  return (clock) => {
    let has = false;
    begin(clock, () => (has = true));
    return () => has;
  };
};

const WAITING: Readonly<Record<string, Waiting>> = {
  sleep: { delayMs: HOUR_MS, begin: told((clock, tell) => void sleep(clock, HOUR_MS).then(tell)) },
  'a rate limit': {
    delayMs: 1_000,
    begin(clock) {
      const mayPass = createRateLimit(clock, { burst: 1, perSecond: 1 });
      mayPass();
      return mayPass;
    },
  },
  'repeated work': { delayMs: 5_000, begin: told((clock, tell) => repeat(clock, 5_000, tell)) },
  'the flood guard': {
    delayMs: 1_000,
    begin(clock) {
      const guard = new FloodGuard(clock, { burst: 1, perSecond: 1 });
      guard.spend();
      return () => guard.spend();
    },
  },
  'the end of an ejection': {
    delayMs: 500,
    begin(clock) {
      const health = new EndpointHealth({ clock, random: () => 0 });
      health.failed('a');
      return () => health.isHealthy('a');
    },
  },
  'plaintext to an address that was in the mesh': {
    delayMs: DEPARTED_MS,
    begin(clock) {
      const view = createMeshView();
      const departed = rememberDeparted(view, clock);
      view.apply({ kind: 'snapshot', version: 1, endpoints: [ENDPOINT] });
      view.apply({ kind: 'snapshot', version: 2, endpoints: [] });
      return () => !departed.wasAt('10.0.0.2');
    },
  },
  'the next try to connect to the control plane': {
    delayMs: 250,
    begin: told((clock, tell) => {
      let streams = 0;
      const open = () => {
        streams += 1;
        if (streams > 1) tell();
        return STREAM;
      };
      const settings = { clock, retryMs: () => 250, open, onLive() {}, onLost() {} };
      createSyncConnection(settings).ended(STREAM, new RpcError('unreachable', 'away'));
    }),
  },
  'the next push to sidecars': {
    delayMs: PUSH_INTERVAL_MS,
    begin(clock) {
      let change: (touch: object) => void = () => {};
      const view = {
        version: 1,
        onChange: (listener: () => void) => {
          change = listener;
          return () => {};
        },
        since: () => ({ endpoints: new Map(), topics: new Set() }),
        index: {},
      };
      let sent = 0;
      const pushSeconds = { observe() {} };
      const hub = createSyncHub({ view: view as unknown as MeshView, clock, pushSeconds });
      hub.subscribe({ version: 1 }, (_message, done) => {
        sent += 1;
        done();
      });
      let looks = 0;
      const bump = (): void => {
        view.version += 1;
        change({ endpoints: [], topics: [] });
      };
      bump();
      // What changes after the step waits for the moment that was counted from before it.
      return () => {
        looks += 1;
        if (looks > 1) bump();
        return sent === 3;
      };
    },
  },
  'a lease': {
    delayMs: 10_000,
    begin: told((clock, tell) => {
      const end = () => Promise.resolve(tell());
      new LeaseTimers({ clock, logger, end }).start({ id: 'a', ttlMs: 10_000 });
    }),
  },
  'the end of an idle stream': {
    delayMs: 10_000,
    begin: told((clock, tell) => {
      const stream = { sinceMs: clock.monotonicMs(), queuePlace: -1, expired: tell };
      new Deadlines(clock).of(10_000)?.add(stream);
    }),
  },
  'the loss of a network': {
    // It looks once a second, and believes it after five.
    delayMs: 6_000,
    begin(clock) {
      let interfaces: Interfaces = { addressed: ['eth0'], present: new Set(['eth0']) };
      const { lost } = watchNetwork({ clock, logger, read: () => interfaces });
      interfaces = { addressed: [], present: new Set() };
      return () => lost.aborted;
    },
  },
  'the next line about a refusal of a captured connection': {
    delayMs: 1_000,
    begin(clock) {
      let count = 0;
      const to = pino({ level: 'warn' }, { write: () => void (count += 1) });
      const refuse = createRefusals({ clock, logger: to, metrics: { connectionFailed() {} } });
      const isLogged = (): boolean => {
        const before = count;
        refuse({ direction: 'outbound', reason: 'a', place: 'b', sentence: 'c' });
        return count > before;
      };
      isLogged();
      return isLogged;
    },
  },
  'the next line about a refusal': {
    delayMs: 1_000,
    begin(clock) {
      let count = 0;
      const to = pino({ level: 'warn' }, { write: () => void (count += 1) });
      const lines = createRefusalLines(clock, to);
      lines({ event: 'refused', reason: 'expired' }, 'first');
      return () => {
        lines({ event: 'refused', reason: 'expired' }, 'second');
        return count === 2;
      };
    },
  },
  'what waits for a date': {
    delayMs: HOUR_MS,
    begin: told((clock, tell) => afterByEither(clock, HOUR_MS, tell)),
    byDate: true,
  },
  'the renewal of an own certificate': {
    delayMs: HOUR_MS / 2,
    begin: told((clock, tell) => {
      const renew = () => Promise.resolve(tell());
      startSelfRenewal({ clock, logger, name: 'one', lifetimeMs: HOUR_MS, renew });
    }),
    byDate: true,
  },
  housekeeping: {
    delayMs: HOUR_MS,
    begin: told((clock, tell) => {
      const leader = { isLeader: true, onChange: () => () => {} };
      const guard = { promise: () => undefined };
      const leading = {} as FencedStore;
      const options = { clock, logger, guard, leader, leading };
      startMaintenance(options, { chore: () => Promise.resolve(tell()) });
    }),
    byDate: true,
  },
  'the end of a tunnel whose certificate expires': {
    delayMs: HOUR_MS,
    begin: told((clock, tell) => {
      const watch = new ExpiryWatch(clock, () => YEAR_MS);
      watch.add('a', {
        peer: { expiresMs: (clock.epochMs() + HOUR_MS) as ReturnType<Clock['epochMs']> },
        openStreams: 1,
        drain() {},
        destroy: tell,
      });
    }),
    byDate: true,
  },
};

const ENDPOINT = {
  instanceId: 'api-1',
  spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' }),
  addresses: ['10.0.0.2'],
  proven: ['10.0.0.2'],
  contests: [],
  hbonePort: 15_008,
  ports: [],
  anyPort: true,
} as const;
const STREAM = { close() {} } as unknown as Parameters<
  ReturnType<typeof createSyncConnection>['ended']
>[0];

for (const [name, { delayMs, begin, byDate }] of Object.entries(WAITING)) {
  test(`a step neither stops nor rushes ${name}`, async (t) => {
    const steps = fc.oneof(
      fc.integer({ min: -50 * YEAR_MS, max: 50 * YEAR_MS }),
      fc.integer({ min: -2 * delayMs, max: 2 * delayMs }),
    );
    const moments = fc.integer({ min: 0, max: delayMs - 1 });
    await fc.assert(
      fc.asyncProperty(steps, moments, async (stepMs, atMs) => {
        const clock = createManualClock();
        const hasCome = begin(clock);
        await clock.advance(atMs);
        t.false(hasCome(), 'before the step');
        clock.step(stepMs);
        await clock.advance(0);
        const leftMs = delayMs - atMs;
        if (byDate !== undefined && stepMs >= leftMs) {
          t.true(hasCome(), 'its date has come');
          return;
        }
        t.false(hasCome(), 'rushed');
        // Those who wait for a date wait for what the step has left of it, at most.
        const restMs = byDate === undefined ? leftMs : leftMs - Math.max(stepMs, 0);
        await clock.advance(restMs - 1);
        t.false(hasCome(), 'too early');
        await clock.advance(1 + SLACK_MS);
        t.true(hasCome(), 'stopped');
      }),
      { numRuns: 60 },
    );
  });
}
