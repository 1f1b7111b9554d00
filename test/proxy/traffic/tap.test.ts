/** A tap keeps what was asked for and no more, and shows no query. */
import test from 'ava';
import { Registry } from 'prom-client';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { TAP_ALL } from '../../../common/wire/traffic/tap-filter.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { shownPath, Tap } from '../../../proxy/traffic/tap.ts';
import { withTap } from '../../../proxy/traffic/tapped-metrics.ts';
import { API, WEB } from '../../helpers/edge-traffic.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const ALL = { filters: [TAP_ALL], eventsPerSecond: 100 };
const NONE = { filters: [], eventsPerSecond: 0 };
const OK = {
  protocol: 'http1',
  method: 'GET',
  status: '2xx',
  durationSeconds: 0.5,
  requestBytes: 1,
  responseBytes: 2,
  responseStatus: 200,
  target: '/pay/7?card=4111',
} as const;

function start() {
  const clock = createManualClock();
  const tap = new Tap({ self: parseSpiffeId(WEB), clock });
  const counted = createProxyMetrics(new Registry());
  return { clock, tap, counted, metrics: withTap(counted, tap) };
}

const SHOWN: readonly [string, string][] = [
  ['/a/b', '/a/b'],
  ['/a?token=secret', '/a'],
  ['/a#part', '/a'],
  ['http://user:secret@host:80/a?b', '/a'],
  ['http://user:secret@host', '/'],
  ['http://user:secret@host?token=secret', '/'],
  ['*', '*'],
  ['host:443', ''],
  ['', ''],
  ['?token=secret', ''],
  ['/\u001b[2J', '/?[2J'],
  [`/${'x'.repeat(5_000)}`, `/${'x'.repeat(1_023)}`],
];
for (const [target, path] of SHOWN) {
  test(`of the target ${JSON.stringify(target.slice(0, 40))} this is shown: ${JSON.stringify(path.slice(0, 40))}`, (t) => {
    t.is(shownPath(target), path);
  });
}

test('while the tap is off, nothing is kept and no target is looked at', (t) => {
  const { tap, metrics } = start();
  const connection = metrics.connectionOpened('outbound', API, '10.0.0.1:8080');
  const requests = metrics.requests('outbound', API, 8080);
  t.false(requests.wantsTarget);
  requests.ended(OK);
  metrics.connectionFailed('outbound', API, 'timeout', 8080);
  connection.closed('complete', 1);
  t.is(tap.take(), undefined);
});

test('a connection and its requests are told of, and counted all the same', (t) => {
  const { tap, metrics, counted, clock } = start();
  tap.want(ALL);
  const connection = metrics.connectionOpened('outbound', API, '10.0.0.1:8080');
  connection.counters.bytesFromApp += 5;
  connection.counters.bytesToApp += 7;
  const requests = metrics.requests('outbound', API, 8080);
  t.true(requests.wantsTarget);
  requests.ended(OK);
  connection.closed('peer-reset', 2);
  metrics.connectionFailed('outbound', API, 'timeout', 8080);
  const { events = [] } = tap.take() ?? {};
  const about = { inbound: false, peer: API, port: 8080, atMs: clock.epochMs() };
  const none = { method: '', path: '', protocol: '', httpStatus: 0 };
  const empty = { bytesSent: 0, bytesReceived: 0 };
  t.deepEqual(events, [
    { ...about, ...none, ...empty, kind: 'opened', status: '', seconds: 0 },
    {
      ...about,
      kind: 'request',
      method: 'GET',
      path: '/pay/7',
      protocol: 'http1',
      httpStatus: 200,
      status: '2xx',
      seconds: 0.5,
      bytesSent: 1,
      bytesReceived: 2,
    },
    {
      ...about,
      ...none,
      kind: 'closed',
      status: 'peer-reset',
      seconds: 2,
      bytesSent: 5,
      bytesReceived: 7,
    },
    { ...about, ...none, ...empty, kind: 'failed', status: 'timeout', seconds: 0 },
  ]);
  t.is(tap.take(), undefined, 'once');
  const [row] = counted.peers();
  t.like(row, { opened: 1, port: 8080, counters: { bytesFromApp: 5, bytesToApp: 7 } });
  t.is(row?.requests?.counts[0]?.count, 1);
});

test('what the policy refuses is told of as denied', (t) => {
  const { tap, metrics } = start();
  tap.want(ALL);
  metrics.connectionFailed('inbound', API, 'denied-policy', 80);
  metrics.requestDenied(API, 'denied-request', 80);
  t.deepEqual(
    tap.take()?.events.map(({ kind, status, inbound, port }) => [kind, status, inbound, port]),
    [
      ['denied', 'denied-policy', true, 80],
      ['request-denied', 'denied-request', true, 80],
    ],
  );
});

test('what does not fit is not told of, and not counted as dropped', (t) => {
  const { tap, metrics } = start();
  tap.want({ ...ALL, filters: [{ ...TAP_ALL, pathPrefix: '/other' }] });
  metrics.requests('outbound', API, 8080).ended(OK);
  t.is(tap.take(), undefined);
});

test('a tap keeps so many a second, counts the others, and forgets all when it ends', async (t) => {
  const { tap, metrics, clock } = start();
  tap.want({ ...ALL, eventsPerSecond: 10 });
  const requests = metrics.requests('outbound', API, 8080);
  for (let sent = 0; sent < 25; sent += 1) requests.ended(OK);
  t.like(tap.take(), { dropped: 15, events: { length: 10 } });
  await clock.advance(500);
  // Being asked again changes nothing of what is left.
  tap.want({ ...ALL, eventsPerSecond: 10 });
  for (let sent = 0; sent < 25; sent += 1) requests.ended(OK);
  t.is(tap.take()?.dropped, 20);
  requests.ended(OK);
  tap.want(NONE);
  t.is(tap.take(), undefined);
});
