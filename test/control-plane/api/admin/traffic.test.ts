/** Operators watch what passes; others do not, and a sidecar is asked only meanwhile. */
import test, { type ExecutionContext } from 'ava';
import { TAP_ALL } from '../../../../common/wire/traffic/tap-filter.ts';
import type { RpcError } from '../../../../common/rpc/rpc-error.ts';
import {
  AdminService,
  type TapResponse,
  type WatchTrafficRequest,
  type WatchTrafficResponse,
} from '../../../../proto/gen/hauberk/v1/admin.ts';
import { eventually, within } from '../../../helpers/deadline.ts';
import { API, tapEvent, toApi, WEB } from '../../../helpers/edge-traffic.ts';
import {
  openSharedStore,
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
  type TestIdentity,
} from '../../control-plane-under-test.ts';
import { hello, openSyncStream, type SyncStreamUnderTest } from '../sync/sync-stream-under-test.ts';

const ALL: WatchTrafficRequest = {
  services: [],
  intervalMs: 1_000,
  historySeconds: 0,
  local: false,
};
const TAP = { filter: TAP_ALL, eventsPerSecond: 0, local: false };

/** What a call tells, until the test ends it. */
function collect<Told>(
  t: ExecutionContext,
  call: (signal: AbortSignal) => AsyncIterable<Told>,
): { readonly told: Told[]; readonly ended: Promise<unknown>; end(): void } {
  const ending = new AbortController();
  const told: Told[] = [];
  const ended = (async () => {
    try {
      for await (const one of call(ending.signal)) told.push(one);
      return undefined;
    } catch (error) {
      return error;
    }
  })();
  t.teardown(() => ending.abort());
  return { told, ended, end: () => ending.abort() };
}

const watch = (t: ExecutionContext, cp: ControlPlaneUnderTest, request = ALL) =>
  collect<WatchTrafficResponse>(t, (signal) => cp.admin.watchTraffic(request, signal));
const tap = (t: ExecutionContext, cp: ControlPlaneUnderTest, request = TAP) =>
  collect<TapResponse>(t, (signal) => cp.admin.tap(request, signal));

async function join(
  cp: ControlPlaneUnderTest,
  identity: TestIdentity,
  instanceId = 'web-1',
): Promise<SyncStreamUnderTest> {
  const stream = openSyncStream(cp, identity);
  stream.say(hello({ instanceId }));
  await stream.next();
  return stream;
}

const say = (stream: SyncStreamUnderTest, connectionsOpened: number, first = false): void =>
  stream.say({
    $case: 'trafficReport',
    value: { edges: [toApi({ connectionsOpened })], first, truncated: false },
  });

const asked = (stream: SyncStreamUnderTest, times: number) =>
  eventually(`the sidecar was asked ${times} times`, () =>
    stream.watches.length >= times ? stream.watches.at(-1) : undefined,
  );

/** What was told once the clock has brought it. */
const toldBy = <Told>(
  cp: Pick<ControlPlaneUnderTest, 'clock'>,
  { told }: { readonly told: readonly Told[] },
  isIt: (told: Told) => boolean,
): Promise<Told> =>
  eventually('it is told', async () => {
    await cp.clock.advance(1_000);
    return told.find(isIt);
  });

const openedOf = ({ edges }: WatchTrafficResponse): number =>
  edges[0]?.traffic?.connectionsOpened ?? 0;

test('an operator sees what a sidecar reports, which is asked until the operator has gone', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await join(cp, await cp.enrol('shop', 'web'));
  t.deepEqual(web.watches, []);
  const look = watch(t, cp);
  t.is((await asked(web, 1))?.trafficIntervalMs, 1_000);
  say(web, 10, true);
  say(web, 13);
  const told = await toldBy(cp, look, (one) => openedOf(one) > 0);
  t.is(openedOf(told), 3);
  t.like(told, { sidecars: 1, reporting: 1, unreached: [] });
  t.is(told.edges[0]?.spiffeId, WEB);
  look.end();
  t.is((await asked(web, 2))?.lifetimeMs, 0);
});

test('an operator who taps sees events, and the log says who it was', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const web = await join(cp, await cp.enrol('shop', 'web'));
  const look = tap(t, cp);
  t.deepEqual((await asked(web, 1))?.taps, [TAP_ALL]);
  web.say({ $case: 'tapReport', value: { events: [tapEvent()], dropped: 0 } });
  const told = await toldBy(cp, look, ({ events }) => events.length > 0);
  t.deepEqual(told.events, [{ spiffeId: WEB, instanceId: 'web-1', event: tapEvent() }]);
  look.end();
  const lines = await eventually('the log has both lines', () => {
    const found = cp.log.lines.filter(({ event }) => String(event).startsWith('tap-'));
    return found.length === 2 ? found : undefined;
  });
  t.deepEqual(
    lines.map(({ event }) => event),
    ['tap-started', 'tap-ended'],
  );
  const serial = cp.operator.chain[0]?.serialNumber.toLowerCase() ?? '';
  const admin = 'spiffe://mesh.local/ns/hauberk/sa/admin';
  t.is(lines[0]?.['operator'], `${admin} (${serial}) at 127.0.0.1`, 'which of the operators');
});

for (const [who, reason] of [
  ['nobody', 'certificate-missing'],
  ['a sidecar', 'identity-mismatch'],
] as const) {
  test(`${who} watches and taps nothing, whatever is asked`, async (t) => {
    const cp = await startControlPlaneUnderTest(t);
    const web = await join(cp, await cp.enrol('shop', 'web'));
    const channel = cp.connect(who === 'nobody' ? undefined : await cp.enrol('shop', 'api'));
    for (const local of [false, true]) {
      const looks = [
        collect(t, (signal) =>
          channel.stream(AdminService.watchTraffic, { ...ALL, local }, signal),
        ),
        collect(t, (signal) => channel.stream(AdminService.tap, { ...TAP, local }, signal)),
      ];
      for (const { ended, told } of looks) {
        const error = (await within('it is refused', ended)) as RpcError;
        t.is(error.code, reason);
        t.deepEqual(told, []);
      }
    }
    t.deepEqual(web.watches, []);
  });
}

test('a credential that is revoked ends what it has opened', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const look = watch(t, cp);
  await toldBy(cp, look, () => true);
  const serial = cp.operator.chain[0]?.serialNumber.toLowerCase() ?? '';
  await cp.admin.revoke({ kind: 'serial', serial });
  const error = (await within('the call ends', look.ended)) as RpcError;
  t.is(error.code, 'certificate-revoked');
});

test('a question that makes no sense is refused', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  for (const look of [
    watch(t, cp, { ...ALL, intervalMs: 1 }),
    tap(t, cp, { ...TAP, eventsPerSecond: 1_000_000 }),
  ]) {
    const error = (await within('it is refused', look.ended)) as RpcError;
    t.is(error.code, 'request-malformed');
  }
  const started = cp.log.lines.filter(({ event }) => event === 'tap-started');
  t.deepEqual(started, [], 'no tap that was refused is said to have begun');
});

test('a watcher at one control plane sees the sidecars of all', async (t) => {
  const shared = await openSharedStore(t);
  const one = await startControlPlaneUnderTest(t, { shared });
  const two = await startControlPlaneUnderTest(t, { shared });
  const [web, api] = [
    await join(one, await one.enrol('shop', 'web')),
    await join(two, await one.enrol('shop', 'api'), 'api-1'),
  ];
  await eventually('they know of each other', async () => {
    await shared.clock.advance(1_000);
    const { controlPlanes } = await one.admin.status();
    return controlPlanes.length === 2 ? true : undefined;
  });
  const look = watch(t, one);
  await asked(web, 1);
  await asked(api, 1);
  say(web, 0, true);
  say(api, 0, true);
  say(web, 2);
  say(api, 5);
  const sums = new Map<string, number>();
  const seen = new Set<WatchTrafficResponse>();
  await eventually('both are counted', async () => {
    await shared.clock.advance(1_000);
    for (const response of look.told) {
      if (seen.has(response)) continue;
      seen.add(response);
      for (const { spiffeId, traffic } of response.edges) {
        sums.set(spiffeId, (sums.get(spiffeId) ?? 0) + (traffic?.connectionsOpened ?? 0));
      }
    }
    return sums.get(WEB) === 2 && sums.get(API) === 5 ? true : undefined;
  });
  const told = await toldBy(
    one,
    look,
    ({ sidecars, reporting }) => sidecars === 2 && reporting === 2,
  );
  t.deepEqual(told.unreached, []);

  const events = tap(t, one);
  await eventually('the other one is asked for the tap', () =>
    api.watches.at(-1)?.taps.length === 1 ? true : undefined,
  );
  api.say({ $case: 'tapReport', value: { events: [tapEvent()], dropped: 0 } });
  const tapped = await toldBy(one, events, (response) => response.events.length > 0);
  t.is(tapped.events[0]?.spiffeId, API);

  look.end();
  events.end();
  await eventually('the sidecar of the other one is asked for nothing', () =>
    api.watches.at(-1)?.lifetimeMs === 0 ? true : undefined,
  );
});
