import test from 'ava';
import { Registry } from 'prom-client';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { PROXY_METRICS } from '../../../proxy/metrics/table.ts';

const WEB = 'spiffe://mesh.local/ns/shop/sa/web';

test('every metric of the table is registered as the table says', async (t) => {
  const registry = new Registry();
  createProxyMetrics(registry);
  const registered = new Map(registry.getMetricsAsArray().map((metric) => [metric.name, metric]));
  for (const { name, type, help } of Object.values(PROXY_METRICS)) {
    const text = await registry.getSingleMetricAsString(name);
    t.true(text.startsWith(`# HELP ${name} ${help}\n# TYPE ${name} ${type}`), name);
    registered.delete(name);
  }
  t.deepEqual([...registered.keys()], []);
});

test('connections, bytes and tunnels are counted where they belong', async (t) => {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry);
  const connection = metrics.connectionOpened('outbound', WEB);
  metrics.connectionOpened('outbound', WEB).counters.bytesFromApp += 5;
  connection.counters.bytesFromApp += 7;
  connection.counters.bytesToApp += 11;
  connection.closed('complete', 0.2);
  metrics.connectionFailed('inbound', 'unknown', 'denied');
  metrics.tunnelOpened('inbound');
  metrics.tunnelOpened('inbound');
  metrics.tunnelClosed('inbound', 'goaway', 3);
  t.deepEqual(metrics.totals(), { openConnections: 1, openTunnels: 1, totalConnections: 2 });
  const lines = (await registry.metrics()).split('\n');
  const has = (line: string): boolean => t.true(lines.includes(line), line);
  has(`hauberk_connections_opened_total{direction="outbound",peer="${WEB}"} 2`);
  has(`hauberk_connections_open{direction="outbound",peer="${WEB}"} 1`);
  has(`hauberk_connections_closed_total{direction="outbound",peer="${WEB}",reason="complete"} 1`);
  has('hauberk_connections_failed_total{direction="inbound",peer="unknown",reason="denied"} 1');
  has(`hauberk_bytes_sent_total{direction="outbound",peer="${WEB}"} 12`);
  has(`hauberk_bytes_received_total{direction="outbound",peer="${WEB}"} 11`);
  has('hauberk_tunnels_open{direction="inbound"} 1');
  has('hauberk_tunnels_closed_total{direction="inbound",reason="goaway"} 1');
  has('hauberk_tunnel_streams_sum{direction="inbound"} 3');
  // Scraping twice counts nothing twice.
  t.deepEqual((await registry.metrics()).split('\n'), lines);
});

test('peers beyond the bound share one label', async (t) => {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry, { maxPeerLabels: 2 });
  for (let i = 0; i < 5; i += 1)
    metrics.connectionFailed('inbound', `spiffe://x/ns/n/sa/s${i}`, 'r');
  metrics.connectionFailed('outbound', 'spiffe://x/ns/n/sa/s0', 'r');
  const text = await registry.getSingleMetricAsString('hauberk_connections_failed_total');
  t.true(text.includes('peer="other",reason="r"} 3'));
  t.true(text.includes('direction="outbound",peer="spiffe://x/ns/n/sa/s0",reason="r"} 1'));
  t.is(text.split('\n').filter((line) => line.startsWith('hauberk')).length, 4);
});

test('gauges of the certificate are absent until there is one, and follow it', async (t) => {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry);
  const name = 'hauberk_certificate_not_after_timestamp_seconds';
  t.false((await registry.metrics()).includes(`\n${name} `));
  const gauges = { notBeforeMs: 1_000, notAfterMs: 61_500, bundleVersion: 4, skewMs: -1_500 };
  metrics.certificate(() => gauges);
  metrics.controlPlane(() => true);
  metrics.view(() => ({
    version: 9,
    endpoints: new Map([['web.shop', 2]]),
    interest: new Map([['service', 3]]),
  }));
  metrics.renewed();
  metrics.renewalFailed('unavailable');
  const lines = (await registry.metrics()).split('\n');
  for (const line of [
    `${name} 61.5`,
    'hauberk_certificate_not_before_timestamp_seconds 1',
    'hauberk_trust_bundle_version 4',
    'hauberk_interest{kind="service"} 3',
    'hauberk_clock_skew_seconds -1.5',
    'hauberk_control_plane_connected 1',
    'hauberk_view_version 9',
    'hauberk_endpoints{service="web.shop"} 2',
    'hauberk_certificate_renewals_total 1',
    'hauberk_certificate_renewal_failures_total{reason="unavailable"} 1',
  ]) {
    t.true(lines.includes(line), line);
  }
});
