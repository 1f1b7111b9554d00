/** A sidecar reports while it is asked to, to whom asks, and stops by itself when it is not asked again. */
import test from 'ava';
import { TAP_ALL } from '../../../common/wire/traffic/tap-filter.ts';
import { SyncRequest, type Watch } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { EdgeTraffic } from '../../../proto/gen/hauberk/v1/traffic.ts';
import { TrafficReporter } from '../../../proxy/traffic/reporter.ts';
import type { TapWish } from '../../../proxy/traffic/tap.ts';
import { tapEvent, toApi } from '../../helpers/edge-traffic.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const EACH_SECOND: Watch = {
  trafficIntervalMs: 1_000,
  taps: [],
  tapEventsPerSecond: 0,
  lifetimeMs: 30_000,
};
const STOP: Watch = { ...EACH_SECOND, trafficIntervalMs: 0, lifetimeMs: 0 };

function start(random: () => number = () => 1) {
  const clock = createManualClock();
  const state = {
    edges: [toApi({ connectionsOpened: 1 })] as EdgeTraffic[],
    wishes: [] as TapWish[],
    asked: 0,
    tapped: { events: [tapEvent()], dropped: 1 },
  };
  const reporter = new TrafficReporter({
    clock,
    logger: createLogRecorder().logger,
    random,
    traffic: {
      edges() {
        state.asked += 1;
        return structuredClone(state.edges);
      },
      tap: (wish) => void state.wishes.push(wish),
      tapped: () => state.tapped,
    },
  });
  const stream = () => {
    const sent: NonNullable<SyncRequest['message']>[] = [];
    const send = ({ message }: SyncRequest): void => void (message && sent.push(message));
    return { sent, send };
  };
  return { clock, state, reporter, stream };
}

test('until it is asked nothing is counted together, and nothing is sent', async (t) => {
  const { clock, state } = start();
  await clock.advance(60_000);
  t.is(state.asked, 0);
  t.deepEqual(clock.pending, []);
});

test('first all edges at once, then each interval those that have changed', async (t) => {
  const { clock, state, reporter, stream } = start();
  const { sent, send } = stream();
  const to = { send };
  const other = toApi({ port: 9 });
  state.edges.push(other);
  await reporter.asked(EACH_SECOND, to);
  await clock.advance(1_000);
  state.edges[0] = toApi({ connectionsOpened: 2 });
  await clock.advance(1_000);
  await reporter.asked(EACH_SECOND, to);
  await clock.advance(1_000);
  t.deepEqual(sent, [
    {
      $case: 'trafficReport',
      value: { edges: [toApi({ connectionsOpened: 1 }), other], first: true, truncated: false },
    },
    {
      $case: 'trafficReport',
      value: { edges: [toApi({ connectionsOpened: 2 })], first: false, truncated: false },
    },
  ]);
});

test('those that were asked at one moment go on at different ones', async (t) => {
  const { clock, state, reporter, stream } = start(() => 0.25);
  await reporter.asked({ ...EACH_SECOND, trafficIntervalMs: 8_000 }, stream());
  const counted = async (ms: number): Promise<number> => {
    await clock.advance(ms);
    return state.asked;
  };
  t.is(await counted(1_999), 1);
  t.is(await counted(1), 2);
  t.is(await counted(7_999), 2);
  t.is(await counted(1), 3);
});

test('an interval that grows again and again keeps no report from coming, and a shorter one counts at once', async (t) => {
  const { clock, state, reporter, stream } = start();
  const to = stream();
  for (const trafficIntervalMs of [2_000, 3_000, 4_000]) {
    await reporter.asked({ ...EACH_SECOND, trafficIntervalMs }, to);
    await clock.advance(900);
  }
  t.is(state.asked, 2);
  await reporter.asked(EACH_SECOND, to);
  await clock.advance(1_000);
  t.is(state.asked, 3);
});

test('a sidecar with nothing to tell says so once, so that it is known to answer', async (t) => {
  const { clock, state, reporter, stream } = start();
  state.edges = [];
  const to = stream();
  await reporter.asked(EACH_SECOND, to);
  await clock.advance(5_000);
  t.deepEqual(to.sent, [
    { $case: 'trafficReport', value: { edges: [], first: true, truncated: false } },
  ]);
});

test('it stops when it is told to, and when it is not asked again', async (t) => {
  for (const end of ['told', 'forgotten'] as const) {
    const { clock, state, reporter, stream } = start();
    const to = stream();
    await reporter.asked({ ...EACH_SECOND, taps: [TAP_ALL], tapEventsPerSecond: 5 }, to);
    if (end === 'told') await reporter.asked(STOP, to);
    else await clock.advance(30_000);
    const [asked, length] = [state.asked, to.sent.length];
    t.deepEqual(state.wishes.at(-1), { filters: [], eventsPerSecond: 0 });
    state.edges[0] = toApi({ connectionsOpened: 99 });
    await clock.advance(60_000);
    t.is(state.asked, asked, end);
    t.is(to.sent.length, length, end);
    t.deepEqual(clock.pending, [], end);
  }
});

test('being asked again keeps it going', async (t) => {
  const { clock, state, reporter, stream } = start();
  const to = stream();
  for (let renewal = 0; renewal < 6; renewal += 1) {
    await reporter.asked(EACH_SECOND, to);
    await clock.advance(10_000);
  }
  t.true(state.asked > 55);
});

test('another stream is told everything again', async (t) => {
  const { reporter, stream } = start();
  const [one, two] = [stream(), stream()];
  await reporter.asked(EACH_SECOND, one);
  await reporter.asked(EACH_SECOND, two);
  t.deepEqual(two.sent, one.sent);
});

test('what a tap has seen is sent four times a second, to whom has asked', async (t) => {
  const { clock, state, reporter, stream } = start();
  const to = stream();
  const watch = { ...EACH_SECOND, trafficIntervalMs: 0, taps: [TAP_ALL], tapEventsPerSecond: 5 };
  await reporter.asked(watch, to);
  t.deepEqual(state.wishes, [{ filters: [TAP_ALL], eventsPerSecond: 5 }]);
  await clock.advance(1_000);
  t.is(to.sent.length, 4);
  t.deepEqual(to.sent[0], { $case: 'tapReport', value: { events: [tapEvent()], dropped: 1 } });
  t.is(state.asked, 0, 'edges were not asked for');
});

test('a sidecar with too many edges tells of the busiest, and says that some are missing', async (t) => {
  const { state, reporter, stream } = start();
  const to = stream();
  state.edges = Array.from({ length: 600 }, (_, port) => toApi({ port, connectionsOpened: port }));
  await reporter.asked(EACH_SECOND, to);
  const [message] = to.sent;
  if (message?.$case !== 'trafficReport') return t.fail('expected a report');
  t.is(message.value.edges.length, 500);
  t.true(message.value.truncated);
  t.true(message.value.edges.every(({ port }) => port >= 100));
});

test('many events with long paths are sent in messages that a control plane takes', async (t) => {
  const { clock, state, reporter, stream } = start();
  const { sent, send } = stream();
  const event = tapEvent({ path: '/'.padEnd(1_024, 'x'), peer: 'spiffe://'.padEnd(512, 'x') });
  state.tapped = { events: Array.from({ length: 500 }, () => event), dropped: 7 };
  const taps = { taps: [TAP_ALL], tapEventsPerSecond: 1_000 };
  await reporter.asked({ ...EACH_SECOND, ...taps, trafficIntervalMs: 0 }, { send });
  await clock.advance(250);
  const told = sent.flatMap((message) => (message.$case === 'tapReport' ? [message.value] : []));
  t.is(told.flatMap(({ events }) => events).length, 500);
  t.deepEqual(
    told.map(({ dropped }) => dropped),
    [7, 0, 0, 0],
  );
  const sizes = sent.map((message) => SyncRequest.encode({ message }).finish().length);
  t.true(Math.max(...sizes) < 320 * 1_024, String(sizes));
  reporter.close();
});
