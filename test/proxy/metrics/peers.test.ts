/** Ports are told apart for those who watch; metrics have the sums, as before. */
import test from 'ava';
import { Registry } from 'prom-client';
import { PeerTable, portOf } from '../../../proxy/metrics/peers.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { SyncRequest } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { edgesOf } from '../../../proxy/traffic/edges.ts';
import { API } from '../../helpers/edge-traffic.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';

const OK = {
  protocol: 'http1',
  method: 'GET',
  status: '2xx',
  durationSeconds: 0.004,
  requestBytes: 0,
  responseBytes: 2,
} as const;

test('a peer at two ports is one series and two edges', async (t) => {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry);
  for (const port of [80, 81]) {
    const connection = metrics.connectionOpened('outbound', API, `10.0.0.1:${port}`);
    connection.counters.bytesFromApp += port;
    metrics.requests('outbound', API, port).ended(OK);
    metrics.requests('outbound', API, port).ended({ ...OK, method: 'POST' });
    metrics.connectionFailed('outbound', API, 'timeout', port);
    connection.closed(port === 80 ? 'complete' : 'peer-reset', 1);
  }
  const samples = parseMetrics(await registry.metrics());
  const of = { direction: 'outbound', peer: API };
  t.is(samples.sum('hauberk_connections_opened_total', of), 2);
  t.is(samples.sum('hauberk_bytes_sent_total', of), 161);
  t.is(samples.sum('hauberk_requests_total', of), 4);
  t.is(samples.sum('hauberk_request_duration_seconds_count', of), 4);
  t.is(samples.sum('hauberk_connections_failed_total', { ...of, reason: 'timeout' }), 2);
  t.is(samples.sum('hauberk_connections_open', of), 0);

  const edges = edgesOf(metrics.peers(), []);
  t.deepEqual(
    edges.map(({ port, connectionsOpened, bytesSent, connectionsBroken, requests }) => ({
      port,
      connectionsOpened,
      bytesSent,
      connectionsBroken,
      requests,
    })),
    [80, 81].map((port) => ({
      port,
      connectionsOpened: 1,
      bytesSent: port,
      connectionsBroken: port === 80 ? [] : [{ reason: 'peer-reset', count: 1 }],
      requests: [{ protocol: 'http1', status: '2xx', count: 2 }],
    })),
  );
});

test('ports beyond the bound share a row', (t) => {
  const table = new PeerTable(10, 3);
  for (let port = 1; port <= 10; port += 1) table.of('inbound', API, port).opened += 1;
  t.deepEqual(
    [...table.rows()].map(({ port, opened }) => [port, opened]),
    [
      [1, 1],
      [2, 1],
      [3, 1],
      [0, 7],
    ],
  );
  t.deepEqual(
    [...table.byPeer()].map(({ opened }) => opened),
    [10],
  );
});

test('a peer that tries all ports leaves room for those of others', (t) => {
  const table = new PeerTable(10);
  for (let port = 1; port <= 10_000; port += 1) table.of('inbound', 'spiffe://evil', port);
  t.is(table.of('inbound', 'spiffe://evil', 20_000).port, 0);
  t.is(table.of('inbound', API, 80).port, 80);
});

test('what a peer writes for a port can be reported, whatever it is', (t) => {
  const metrics = createProxyMetrics(new Registry());
  for (const authority of ['10.0.0.1:-5', '10.0.0.1:4294967296', '10.0.0.1:1.5', ':']) {
    metrics.connectionFailed('inbound', API, 'malformed-authority', portOf(authority));
  }
  const value = { edges: edgesOf(metrics.peers(), []), first: true, truncated: false };
  const message = { $case: 'trafficReport', value } as const;
  const sent = SyncRequest.decode(SyncRequest.encode({ message }).finish());
  t.deepEqual(sent, { message });
});

test('plaintext is an edge of its own', (t) => {
  const flow = { inbound: false, address: '10.0.0.9', port: 5_432, connections: 3 };
  const [edge] = edgesOf([], [flow]);
  t.like(edge, { plaintext: true, peer: '10.0.0.9', port: 5_432, connectionsOpened: 3 });
});

for (const [place, port] of [
  ['10.0.0.1:80', 80],
  ['[::1]:81', 81],
  ['tls://db.example:5432', 5_432],
  ['unknown', 0],
  [API, 0],
  ['x:99999999', 0],
  ['x:65536', 0],
  ['10.0.0.1:-5', 0],
  ['10.0.0.1:1e3', 0],
  ['10.0.0.1:0x50', 0],
  ['10.0.0.1: 80', 0],
  ['', 0],
] as const) {
  test(`the port of ${JSON.stringify(place)} is ${port}`, (t) => t.is(portOf(place), port));
}
