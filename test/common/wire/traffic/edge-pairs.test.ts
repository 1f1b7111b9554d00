/** The two ends of an edge become one, and its figures are those of the side that sees more. */
import test from 'ava';
import { noDurations } from '../../../../common/wire/traffic/durations.ts';
import { figuresOf, pairEdges } from '../../../../common/wire/traffic/edge-pairs.ts';
import type { ServiceEdge } from '../../../../proto/gen/hauberk/v1/admin.ts';
import type { EdgeTraffic } from '../../../../proto/gen/hauberk/v1/traffic.ts';
import { API, toApi, WEB } from '../../../helpers/edge-traffic.ts';

const end = (spiffeId: string, traffic: EdgeTraffic, connectionsTotal = 1): ServiceEdge => ({
  spiffeId,
  instances: 1,
  traffic,
  connectionsTotal,
});
const atWeb = toApi({ connectionsOpened: 4, connectionsFailed: [{ reason: 'timeout', count: 1 }] });
const atApi = toApi({ inbound: true, peer: WEB, connectionsOpened: 4 });

test('both ends are one edge, whichever comes first', (t) => {
  const one = pairEdges([end(WEB, atWeb), end(API, atApi, 3)]);
  t.is(one.length, 1);
  t.like(one[0], { from: WEB, to: API, port: 8080, connectionsTotal: 3 });
  t.deepEqual(one[0]?.caller, atWeb);
  t.deepEqual(one[0]?.called, atApi);
  t.deepEqual(pairEdges([end(API, atApi, 3), end(WEB, atWeb)]), one);
});

test('an end that does not report is missing, and the other one counts', (t) => {
  const [edge] = pairEdges([end(API, atApi)]);
  t.is(edge?.caller, undefined);
  t.is(edge && figuresOf(edge, 2).connectionsPerSecond, 2);
});

test('ports, and plaintext, are edges of their own', (t) => {
  const plain = toApi({ plaintext: true });
  t.is(pairEdges([end(WEB, atWeb), end(WEB, toApi({ port: 1 })), end(WEB, plain)]).length, 3);
});

test('figures are those of a second, failures by their reason, and success never rounds up', (t) => {
  const counts = noDurations().counts.slice();
  counts[3] = 10;
  const figures = figuresOf(
    {
      caller: toApi({
        connectionsOpened: 1,
        connectionsFailed: [{ reason: 'timeout', count: 2 }],
        bytesSent: 20,
        requests: [
          { protocol: 'http1', status: '2xx', count: 6 },
          { protocol: 'http1', status: '4xx', count: 1 },
          { protocol: 'http1', status: '5xx', count: 1 },
          { protocol: 'grpc', status: 'UNAVAILABLE', count: 2 },
        ],
        requestDurations: { ...noDurations(), counts },
      }),
      called: undefined,
    },
    2,
  );
  t.is(figures.requestsPerSecond, 5);
  t.is(figures.sentPerSecond, 10);
  t.deepEqual(figures.failures, [
    { reason: 'timeout', count: 2 },
    { reason: 'UNAVAILABLE', count: 2 },
    { reason: '5xx', count: 1 },
  ]);
  t.is(figures.successShare, 1 - 5 / 12);
  t.true((figures.p99 ?? 0) > 0.005 && (figures.p99 ?? 1) <= 0.01);
});

test('an edge at which nothing passes has no share of success', (t) => {
  t.is(figuresOf({ caller: toApi(), called: undefined }, 2).successShare, undefined);
});
