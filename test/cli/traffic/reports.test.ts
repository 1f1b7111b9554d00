/** What edges and events look like, in lines and in documents. */
import test from 'ava';
import { pairEdges } from '../../../common/wire/traffic/edge-pairs.ts';
import { edgeDocument, edgeRows, securityOf } from '../../../cli/traffic/edge-report.ts';
import { eventDocument, eventLine } from '../../../cli/traffic/event-report.ts';
import {
  formatBytes,
  formatRate,
  formatSeconds,
  formatShare,
} from '../../../cli/traffic/figures.ts';
import { shortName } from '../../../cli/names/short-name.ts';
import type { TapEvent } from '../../../proto/gen/hauberk/v1/traffic.ts';
import { API, tapEvent, toApi, WEB } from '../../helpers/edge-traffic.ts';

test('figures are short', (t) => {
  t.deepEqual([0, 0.25, 9.94, 10, 9_999, 12_345].map(formatRate), [
    '0',
    '0.3',
    '9.9',
    '10',
    '9999',
    '12k',
  ]);
  t.deepEqual([0, 999, 1_500, 25_000_000].map(formatBytes), [
    '0 B/s',
    '999 B/s',
    '1.5 kB/s',
    '25 MB/s',
  ]);
  t.deepEqual([undefined, 0.0008, 0.012, 1.23, Infinity].map(formatSeconds), [
    '',
    '0.8ms',
    '12ms',
    '1.2s',
    '>30s',
  ]);
  t.deepEqual([undefined, 1, 0.99999, 0.5, 0].map(formatShare), [
    '',
    '100%',
    '99.99%',
    '50.00%',
    '0.00%',
  ]);
});

test('names are short in the mesh, and whole elsewhere', (t) => {
  t.is(shortName(WEB, 'mesh.local'), 'web.shop');
  t.is(shortName(WEB, 'other.mesh'), WEB);
  t.is(shortName('10.0.0.1', 'mesh.local'), '10.0.0.1');
  t.is(shortName('tls://db.example:5432', 'mesh.local'), 'tls://db.example:5432');
});

test('an edge is a row, and a document for programs', (t) => {
  const figures = {
    connectionsOpened: 2,
    requests: [{ protocol: 'http1', status: '2xx', count: 4 }],
  };
  const edges = [{ spiffeId: WEB, instances: 1, traffic: toApi(figures), connectionsTotal: 9 }];
  const [row] = edgeRows(pairEdges(edges), 2, 'mesh.local');
  t.like(row, { from: 'web.shop', to: 'api.shop:8080', requestsPerSecond: 2 });
  t.like(row && edgeDocument(row), {
    from: WEB,
    to: API,
    port: 8080,
    security: 'mtls',
    connectionsTotal: 9,
    success: 1,
    p50Seconds: null,
    reportedBy: ['caller'],
  });
});

test('it is said how an edge is protected', (t) => {
  t.is(securityOf({ plaintext: false, to: API }), 'mTLS');
  t.is(securityOf({ plaintext: false, to: 'tls://db.example:5432' }), 'TLS');
  t.is(securityOf({ plaintext: true, to: '10.0.0.1' }), 'PLAINTEXT');
});

const line = (values: Partial<TapEvent> = {}): string =>
  eventLine({ spiffeId: WEB, instanceId: 'web-1', event: tapEvent(values) }, 'mesh.local');

test('an event is a line', (t) => {
  t.is(line(), '22:13:20.000 web.shop -> api.shop:8080 GET /x 200 10ms');
  t.is(
    line({ protocol: 'grpc', status: 'UNAVAILABLE', path: '/a.B/C', method: 'POST' }),
    '22:13:20.000 web.shop -> api.shop:8080 POST /a.B/C UNAVAILABLE 10ms',
  );
  t.is(
    line({ kind: 'failed', status: 'timeout' }),
    '22:13:20.000 web.shop -> api.shop:8080 failed (timeout)',
  );
  t.is(line({ kind: 'opened' }), '22:13:20.000 web.shop -> api.shop:8080 opened');
  t.is(
    line({ kind: 'closed', status: 'complete', seconds: 2 }),
    '22:13:20.000 web.shop -> api.shop:8080 closed (complete) after 2.0s, 0 B sent, 2 B received',
  );
  t.is(
    line({ inbound: true, peer: API }),
    '22:13:20.000 api.shop -> web.shop:8080 GET /x 200 10ms',
  );
});

test('an event is a document for programs', (t) => {
  const tapped = { spiffeId: WEB, instanceId: 'web-1', event: tapEvent() };
  t.like(eventDocument(tapped), {
    at: '2023-11-14T22:13:20.000Z',
    kind: 'request',
    from: WEB,
    to: API,
    port: 8080,
    instance: 'web-1',
    direction: 'outbound',
    path: '/x',
    httpStatus: 200,
  });
});
