/** What a sidecar says of its traffic is shown to people: what makes no sense, or steers a terminal, is left out. */
import test from 'ava';
import {
  MAX_REPORTED_EDGES,
  readTapReport,
  readTrafficReport,
} from '../../../../common/wire/traffic/read-report.ts';
import type { EdgeTraffic, TapEvent } from '../../../../proto/gen/hauberk/v1/traffic.ts';
import { tapEvent, toApi } from '../../../helpers/edge-traffic.ts';

const report = (edges: readonly EdgeTraffic[]) =>
  readTrafficReport({ edges, first: false, truncated: false });

test('a report that makes sense is taken as it is', (t) => {
  const edge = toApi({
    connectionsFailed: [{ reason: 'no-endpoint', count: 1 }],
    requests: [{ protocol: 'grpc', status: 'UNAVAILABLE', count: 2 }],
  });
  t.deepEqual(report([edge]), { edges: [edge], first: false, truncated: false });
});

const ODD_EDGES: readonly [string, Partial<EdgeTraffic>][] = [
  ['a peer that steers a terminal', { peer: 'x\u001b[2J' }],
  ['no peer', { peer: '' }],
  ['a long peer', { peer: 'x'.repeat(1_000) }],
  ['a port beyond all', { port: 65_536 }],
  ['a reason that is a sentence', { connectionsFailed: [{ reason: 'a b', count: 1 }] }],
  ['a status with a line end', { requests: [{ protocol: 'http1', status: '2xx\n', count: 1 }] }],
  ['a count that no number is', { bytesSent: Number.NaN }],
  [
    'a thousand reasons',
    { connectionsFailed: Array.from({ length: 1_000 }, () => ({ reason: 'x', count: 1 })) },
  ],
];
for (const [name, odd] of ODD_EDGES) {
  test(`left out of a report: ${name}`, (t) => {
    const read = report([toApi(odd), toApi()]);
    t.deepEqual(read.edges, [toApi()]);
    t.true(read.truncated, 'and it is said that something is missing');
  });
}

test('a report is bounded', (t) => {
  const edges = Array.from({ length: MAX_REPORTED_EDGES + 1 }, (_, at) => toApi({ port: at + 1 }));
  t.is(report(edges).edges.length, MAX_REPORTED_EDGES);
  t.true(report(edges).truncated);
});

test('an event of a connection that begins has no status yet', (t) => {
  const opened = tapEvent({ kind: 'opened', status: '', method: '', path: '', protocol: '' });
  t.deepEqual(readTapReport({ events: [opened], dropped: 0 }).events, [opened]);
});

const ODD_EVENTS: readonly [string, Partial<TapEvent>][] = [
  ['a path that steers a terminal', { path: '/\u001b[2J' }],
  ['a path with a space', { path: '/a b' }],
  ['a long path', { path: `/${'x'.repeat(2_000)}` }],
  ['a method with a line end', { method: 'GET\n' }],
  ['a kind that is a sentence', { kind: 'a b' }],
  ['a peer of another terminal', { peer: '\u0007' }],
];
for (const [name, odd] of ODD_EVENTS) {
  test(`left out of a tap, and counted: ${name}`, (t) => {
    const read = readTapReport({ events: [tapEvent(odd), tapEvent()], dropped: 2 });
    t.deepEqual(read, { events: [tapEvent()], dropped: 3 });
  });
}
