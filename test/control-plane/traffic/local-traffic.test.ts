/** Sidecars are asked for what they carry while somebody looks, and for nothing otherwise. */
import test, { type ExecutionContext } from 'ava';
import { TAP_ALL } from '../../../common/wire/traffic/tap-filter.ts';
import { RENEW_MS, WATCH_LIFETIME_MS } from '../../../control-plane/traffic/asked-sidecars.ts';
import {
  createLocalTraffic,
  type LocalTraffic,
} from '../../../control-plane/traffic/local-traffic.ts';
import type { Attachment } from '../../../control-plane/traffic/traffic.ts';
import type {
  TapRequest,
  TapResponse,
  WatchTrafficRequest,
  WatchTrafficResponse,
} from '../../../proto/gen/hauberk/v1/admin.ts';
import type { Watch } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { EdgeTraffic } from '../../../proto/gen/hauberk/v1/traffic.ts';
import { API, tapEvent, toApi, WEB } from '../../helpers/edge-traffic.ts';
import { createManualClock, type ManualClock } from '../../helpers/manual-clock.ts';

const ALL: WatchTrafficRequest = {
  services: [],
  intervalMs: 1_000,
  historySeconds: 0,
  local: true,
};
const TAP: TapRequest = { filter: TAP_ALL, eventsPerSecond: 0, local: true };

interface UnderTest {
  readonly clock: ManualClock;
  readonly traffic: LocalTraffic;
  /** A sidecar, with what it was asked. */
  sidecar(
    instanceId?: string,
    spiffeId?: string,
    questionLevel?: number,
  ): { readonly asked: Watch[] } & Attachment;
  watch(request?: Partial<WatchTrafficRequest>): {
    readonly told: WatchTrafficResponse[];
    close(): void;
  };
  tap(request?: Partial<TapRequest>): { readonly told: TapResponse[]; close(): void };
}

function start(t: ExecutionContext): UnderTest {
  const clock = createManualClock();
  const traffic = createLocalTraffic(clock);
  t.teardown(() => traffic.close());
  return {
    clock,
    traffic,
    sidecar(instanceId = 'web-1', spiffeId = WEB, questionLevel = 1) {
      const asked: Watch[] = [];
      const ask = (watch: Watch): void => void asked.push(watch);
      return { asked, ...traffic.attach({ instanceId, spiffeId, questionLevel, ask }) };
    },
    watch(request = {}) {
      const told: WatchTrafficResponse[] = [];
      const next = (response: WatchTrafficResponse): void => void told.push(response);
      const look = traffic.watch({ ...ALL, ...request }, { next });
      return { told, close: () => look.close() };
    },
    tap(request = {}) {
      const told: TapResponse[] = [];
      const next = (response: TapResponse): void => void told.push(response);
      const look = traffic.tap({ ...TAP, ...request }, { next }, 'the test');
      return { told, close: () => look.close() };
    },
  };
}

const report = (edges: readonly EdgeTraffic[], first = false) => ({
  edges,
  first,
  truncated: false,
});

test('nobody is asked until somebody looks, and no timer runs', async (t) => {
  const { clock, sidecar } = start(t);
  const web = sidecar();
  await clock.advance(60_000);
  t.deepEqual(web.asked, []);
  t.deepEqual(clock.pending, []);
});

test('a sidecar is asked as long as somebody looks, again and again, and told when that is over', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const web = sidecar();
  const look = watch();
  t.deepEqual(web.asked, [
    { trafficIntervalMs: 1_000, taps: [], tapEventsPerSecond: 0, lifetimeMs: WATCH_LIFETIME_MS },
  ]);
  await clock.advance(2 * RENEW_MS);
  t.is(web.asked.length, 3);
  look.close();
  t.like(web.asked.at(-1), { trafficIntervalMs: 0, lifetimeMs: 0 });
  const { length } = web.asked;
  await clock.advance(60_000);
  t.is(web.asked.length, length);
  t.deepEqual(clock.pending, []);
});

test('a sidecar that comes while somebody looks is asked too', (t) => {
  const { sidecar, watch } = start(t);
  watch();
  t.is(sidecar().asked.length, 1);
});

test('only sidecars of the services that are asked for are asked, as often as the most curious wants', (t) => {
  const { sidecar, watch } = start(t);
  const [web, api] = [sidecar(), sidecar('api-1', API)];
  const slow = watch({ intervalMs: 5_000 });
  watch({ services: [{ namespace: 'shop', service: 'api' }] });
  t.deepEqual(
    web.asked.map((one) => one.trafficIntervalMs),
    [5_000],
  );
  t.deepEqual(
    api.asked.map((one) => one.trafficIntervalMs),
    [5_000, 1_000],
  );
  slow.close();
  t.is(web.asked.at(-1)?.lifetimeMs, 0);
  t.is(api.asked.at(-1)?.trafficIntervalMs, 1_000);
});

test('the more sidecars there are, the less often each is asked to report', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const all = Array.from({ length: 3_000 }, (_, at) => sidecar(`web-${at}`));
  const look = watch({ intervalMs: 2_000 });
  t.is(all[0]?.asked.at(-1)?.trafficIntervalMs, 3_000);
  await clock.advance(2_999);
  t.is(look.told.length, 0, 'what only some of them have reported is not told');
  await clock.advance(1);
  t.is(look.told.length, 1);
  for (const { close } of all.slice(1_000)) close();
  await clock.advance(RENEW_MS);
  t.is(all[0]?.asked.at(-1)?.trafficIntervalMs, 2_000);
});

test('figures are those of the interval: nothing of before the look, and nothing twice', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const web = sidecar();
  const { told } = watch();
  web.reported(report([toApi({ connectionsOpened: 100, connectionsOpen: 3 })], true));
  await clock.advance(1_000);
  web.reported(report([toApi({ connectionsOpened: 107, connectionsOpen: 4, bytesSent: 9 })]));
  await clock.advance(1_000);
  await clock.advance(1_000);
  const figures = told.map(({ edges }) => edges[0]);
  t.deepEqual(
    figures.map((edge) => edge?.traffic?.connectionsOpened),
    [0, 7, 0],
  );
  t.deepEqual(
    figures.map((edge) => edge?.traffic?.connectionsOpen),
    [3, 4, 4],
  );
  t.deepEqual(
    figures.map((edge) => edge?.connectionsTotal),
    [100, 107, 107],
  );
  t.like(told.at(-1), { sidecars: 1, reporting: 1, truncated: false, history: false });
});

test('an edge that is new after the first report counts from nothing', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const web = sidecar();
  const { told } = watch();
  web.reported(report([], true));
  web.reported(report([toApi({ connectionsOpened: 2 })]));
  await clock.advance(1_000);
  t.is(told[0]?.edges[0]?.traffic?.connectionsOpened, 2);
});

test('the sidecars of a service are summed up, and one that leaves takes its part along', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const [one, two] = [sidecar('web-1'), sidecar('web-2')];
  const { told } = watch();
  for (const web of [one, two]) {
    web.reported(report([toApi()], true));
    web.reported(report([toApi({ connectionsOpened: 1, connectionsOpen: 1 })]));
  }
  await clock.advance(1_000);
  t.like(told[0]?.edges[0], { instances: 2, spiffeId: WEB });
  t.like(told[0]?.edges[0]?.traffic, { connectionsOpened: 2, connectionsOpen: 2 });
  one.close();
  await clock.advance(1_000);
  t.like(told[1]?.edges[0], { instances: 1 });
  t.like(told[1], { sidecars: 1, reporting: 1 });
  t.is(told[1]?.edges[0]?.traffic?.connectionsOpen, 1);
});

test('a stream that takes the place of another goes on where that was', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const before = sidecar();
  const { told } = watch();
  before.reported(report([toApi({ connectionsOpened: 10 })], true));
  const after = sidecar();
  before.close();
  before.reported(report([toApi({ connectionsOpened: 1_000 })]));
  after.reported(report([toApi({ connectionsOpened: 12 })], true));
  await clock.advance(1_000);
  t.is(told[0]?.edges[0]?.traffic?.connectionsOpened, 2);
  t.is(told[0]?.edges[0]?.instances, 1);
});

test('a sidecar that has started again counts from nothing, and its old edges are gone', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const before = sidecar();
  const { told } = watch();
  before.reported(report([toApi({ connectionsOpened: 10 }), toApi({ port: 9 })], true));
  const after = sidecar();
  after.reported(report([toApi({ connectionsOpened: 3 })], true));
  after.reported(report([toApi({ connectionsOpened: 4 })]));
  await clock.advance(1_000);
  t.is(told[0]?.edges.length, 1);
  t.is(told[0]?.edges[0]?.traffic?.connectionsOpened, 1);
  t.is(told[0]?.edges[0]?.connectionsTotal, 4);
});

test('what is reported when nobody looks is not taken', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const web = sidecar();
  web.reported(report([toApi({ connectionsOpened: 5 })], true));
  const { told } = watch();
  await clock.advance(1_000);
  t.deepEqual(told[0]?.edges, []);
  t.like(told[0], { sidecars: 1, reporting: 0 });
});

test('a watcher that does not read gets the sum later', async (t) => {
  const { clock, traffic, sidecar } = start(t);
  const web = sidecar();
  const told: WatchTrafficResponse[] = [];
  let hasRoom = false;
  const next = (one: WatchTrafficResponse): void => void told.push(one);
  const look = traffic.watch(ALL, { isReady: () => hasRoom, next });
  web.reported(report([], true));
  for (const connectionsOpened of [1, 2, 3]) {
    web.reported(report([toApi({ connectionsOpened })]));
    await clock.advance(1_000);
  }
  t.deepEqual(told, []);
  hasRoom = true;
  await clock.advance(1_000);
  t.is(told[0]?.edges[0]?.traffic?.connectionsOpened, 3);
  t.is((told[0]?.toMs ?? 0) - (told[0]?.fromMs ?? 0), 4_000);
  look.close();
});

test('the last hour of what was watched is remembered in slots of ten seconds', async (t) => {
  const { clock, sidecar, watch } = start(t);
  const web = sidecar();
  const first = watch();
  web.reported(report([], true));
  for (const connectionsOpened of [1, 3, 6]) {
    web.reported(report([toApi({ connectionsOpened })]));
    await clock.advance(10_000);
  }
  first.close();
  const { told } = watch({ historySeconds: 3_600 });
  const slots = told.filter(({ history }) => history);
  t.deepEqual(
    slots.map(({ edges }) => edges[0]?.traffic?.connectionsOpened),
    [1, 2, 3],
  );
  t.deepEqual(new Set(slots.map(({ fromMs, toMs }) => toMs - fromMs)), new Set([10_000]));
  t.true(slots.every(({ fromMs }) => fromMs % 10_000 === 0));
  t.is(watch({ historySeconds: 15 }).told.length, 2);
  t.is(watch({ historySeconds: 60, services: [{ namespace: 'x', service: 'y' }] }).told.length, 0);
  await clock.advance(3_600_000);
  t.deepEqual(watch({ historySeconds: 3_600 }).told, [], 'and not longer');
});

test('a question that makes no sense is refused in a sentence', (t) => {
  const { watch, tap } = start(t);
  const refused = { code: 'question-malformed' };
  t.like(
    t.throws(() => watch({ intervalMs: 1 })),
    refused,
  );
  t.like(
    t.throws(() => watch({ historySeconds: 3_601 })),
    refused,
  );
  t.like(
    t.throws(() => watch({ services: [{ namespace: '', service: 'x' }] })),
    refused,
  );
  t.like(
    t.throws(() => tap({ filter: undefined })),
    refused,
  );
  t.like(
    t.throws(() => tap({ filter: { ...TAP_ALL, pathPrefix: 'x' } })),
    refused,
  );
  t.like(
    t.throws(() => tap({ filter: { ...TAP_ALL, status: ['a b'] } })),
    refused,
  );
  t.like(
    t.throws(() => tap({ eventsPerSecond: 1_001 })),
    refused,
  );
});

test('no more watch than there may be, and one that ends makes room', (t) => {
  const { watch } = start(t);
  const looks = Array.from({ length: 32 }, () => watch());
  t.like(
    t.throws(() => watch()),
    { code: 'watchers-too-many' },
  );
  looks[0]?.close();
  t.notThrows(() => watch());
});

test('a tap asks whom it concerns, and tells what fits', async (t) => {
  const { clock, sidecar, tap } = start(t);
  const [web, api] = [sidecar(), sidecar('api-1', API)];
  const filter = { ...TAP_ALL, from: { namespace: 'shop', service: 'web' }, pathPrefix: '/x' };
  const look = tap({ filter });
  t.deepEqual(api.asked, []);
  t.deepEqual(
    web.asked.map(({ taps }) => taps),
    [[filter]],
  );
  web.tapped({ events: [tapEvent(), tapEvent({ path: '/y' })], dropped: 3 });
  await clock.advance(250);
  t.deepEqual(look.told, [
    {
      events: [{ spiffeId: WEB, instanceId: 'web-1', event: tapEvent() }],
      dropped: 3,
      sidecars: 1,
      unable: 0,
      unreached: [],
    },
  ]);
  look.close();
  t.deepEqual(web.asked.at(-1)?.taps, []);
  web.tapped({ events: [tapEvent()], dropped: 0 });
  await clock.advance(1_000);
  t.is(look.told.length, 1);
});

test('a tap tells so many a second, and counts the others', async (t) => {
  const { clock, sidecar, tap } = start(t);
  const web = sidecar();
  const { told } = tap({ eventsPerSecond: 10 });
  web.tapped({ events: Array.from({ length: 25 }, () => tapEvent()), dropped: 0 });
  await clock.advance(250);
  t.is(told[0]?.events.length, 10);
  t.is(told[0]?.dropped, 15);
});

test('a sidecar of an older version is asked and cannot tell, unless it does', async (t) => {
  const { clock, sidecar, tap } = start(t);
  sidecar('web-1');
  const old = sidecar('web-0', WEB, 0);
  const look = tap();
  await clock.advance(250);
  t.like(look.told, [{ sidecars: 2, unable: 1 }]);
  await clock.advance(5_000);
  t.is(look.told.length, 1, 'it is said once');
  old.tapped({ events: [], dropped: 0 });
  await clock.advance(250);
  t.like(look.told.at(-1), { sidecars: 2, unable: 0 });
});
