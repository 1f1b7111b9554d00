/** Figures of edges add up, and what has passed between two looks is told exactly, or not at all. */
import test from 'ava';
import {
  addTraffic,
  edgeKey,
  isIdle,
  trafficSince,
} from '../../../../common/wire/traffic/edge-sums.ts';
import {
  noDurations,
  quantile,
  readDurations,
  REQUEST_SECONDS_BOUNDS,
} from '../../../../common/wire/traffic/durations.ts';
import { toApi } from '../../../helpers/edge-traffic.ts';

const counted = (n: number) =>
  toApi({
    connectionsOpened: n,
    connectionsOpen: 1,
    connectionsFailed: [{ reason: 'timeout', count: n }],
    bytesSent: 10 * n,
    requests: [{ protocol: 'http1', status: '2xx', count: n }],
    requestDurations: { ...noDurations(), counts: noDurations().counts.map(() => n), sum: n },
  });

test('what has passed between two looks is the difference, and what is open is as of the later', (t) => {
  const since = trafficSince(counted(2), { ...counted(5), connectionsOpen: 4 });
  t.deepEqual(since, { ...counted(3), connectionsOpen: 4 });
});

test('what did not change is not told of', (t) => {
  const since = trafficSince(counted(2), counted(2));
  t.true(since !== undefined && isIdle(since));
  t.deepEqual(since?.connectionsFailed, []);
  t.deepEqual(since?.requests, []);
});

test('counters that have begun again are noticed, whichever it is', (t) => {
  t.is(trafficSince(counted(5), counted(2)), undefined);
  t.is(trafficSince(counted(2), { ...counted(5), requests: [] }), undefined);
  t.is(trafficSince(counted(2), { ...counted(5), bytesSent: 0 }), undefined);
});

test('sums are of everything', (t) => {
  t.deepEqual(addTraffic(counted(2), counted(3)), { ...counted(5), connectionsOpen: 2 });
  t.deepEqual(addTraffic(toApi(), counted(3)), counted(3));
});

test('edges differ by direction, peer, port and encryption', (t) => {
  const others = [{ inbound: true }, { peer: 'x' }, { port: 1 }, { plaintext: true }];
  const keys = [{}, ...others].map((other) => edgeKey(toApi(other)));
  t.is(new Set(keys).size, keys.length);
});

test('durations in other bounds are read into ours, never as shorter', (t) => {
  const read = readDurations({ bounds: [0.002, 60], counts: [1, 2, 3], sum: 9 });
  t.deepEqual(read?.bounds, REQUEST_SECONDS_BOUNDS);
  t.is(read?.counts[REQUEST_SECONDS_BOUNDS.indexOf(0.0025)], 1);
  t.is(read?.counts.at(-1), 5, 'up to a minute, and longer: beyond all of ours');
  t.is(readDurations({ bounds: [1, 1], counts: [1, 2, 3], sum: 1 }), undefined);
  t.is(readDurations({ bounds: [1], counts: [1], sum: 1 }), undefined);
  t.is(readDurations({ bounds: [1], counts: [1, 0], sum: Number.NaN }), undefined);
});

test('a quantile lies in its bucket', (t) => {
  const counts = noDurations().counts.slice();
  counts[0] = 99;
  counts[4] = 1;
  const durations = { ...noDurations(), counts };
  t.true((quantile(durations, 0.5) ?? 1) <= 0.001);
  const slowest = quantile(durations, 1) ?? 0;
  t.true(slowest > 0.01 && slowest <= 0.025);
  t.is(quantile(noDurations(), 0.5), undefined);
});
