import test from 'ava';
import { Registry } from 'prom-client';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { BucketCounts } from '../../../proxy/metrics/requests/bucket-counts.ts';
import { methodLabel, statusLabel } from '../../../proxy/metrics/requests/labels.ts';
import type { EndedRequest } from '../../../proxy/metrics/requests/request-counters.ts';
import { mergedText } from '../../../proxy/workers/merge-metrics.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';

const WEB = 'spiffe://mesh.local/ns/shop/sa/web';

const OK: EndedRequest = {
  protocol: 'http1',
  method: 'GET',
  status: '2xx',
  durationSeconds: 0.004,
  requestBytes: 0,
  responseBytes: 1_500,
};

test('requests become counters by what they are, and histograms that count up', async (t) => {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry);
  const requests = metrics.requests('outbound', WEB, 80);
  requests.ended(OK);
  requests.ended({ ...OK, durationSeconds: 0.005 });
  requests.ended({ ...OK, status: '5xx', durationSeconds: 100 });
  metrics.requests('inbound', WEB, 80).ended({ ...OK, protocol: 'grpc', status: 'NOT_FOUND' });
  t.is(
    metrics.requests('outbound', WEB, 80),
    requests,
    'one for all connections of a peer at a port',
  );
  const text = await registry.metrics();
  const lines = text.split('\n');
  const has = (line: string): boolean => t.true(lines.includes(line), line);
  const of = `direction="outbound",peer="${WEB}"`;
  has(`hauberk_requests_total{${of},protocol="http1",method="GET",status="2xx"} 2`);
  has(`hauberk_requests_total{${of},protocol="http1",method="GET",status="5xx"} 1`);
  has(`hauberk_request_duration_seconds_bucket{le="0.0025",${of}} 0`);
  has(`hauberk_request_duration_seconds_bucket{le="0.005",${of}} 2`);
  has(`hauberk_request_duration_seconds_bucket{le="30",${of}} 2`);
  has(`hauberk_request_duration_seconds_bucket{le="+Inf",${of}} 3`);
  has(`hauberk_request_duration_seconds_count{${of}} 3`);
  has('hauberk_response_size_bytes_bucket{le="10000",direction="outbound"} 3');
  has('hauberk_response_size_bytes_sum{direction="outbound"} 4500');
  has('hauberk_response_size_bytes_count{direction="inbound"} 1');
  has('hauberk_request_size_bytes_bucket{le="100",direction="outbound"} 3');
  t.is(await registry.metrics(), text, 'scraping twice counts nothing twice');
});

test('what workers have counted is added up, histograms too', async (t) => {
  const registries = [new Registry(), new Registry()];
  for (const registry of registries) {
    createProxyMetrics(registry).requests('inbound', WEB, 80).ended(OK);
  }
  const families = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
  const sum = parseMetrics(await mergedText(families));
  const of = { direction: 'inbound', peer: WEB };
  t.is(sum.sum('hauberk_requests_total', of), 2);
  t.is(sum.sum('hauberk_request_duration_seconds_bucket', { ...of, le: '0.005' }), 2);
  t.is(sum.sum('hauberk_request_duration_seconds_count', of), 2);
  t.is(sum.sum('hauberk_response_size_bytes_sum', { direction: 'inbound' }), 3_000);
});

test('labels are of closed lists, whatever comes', (t) => {
  t.is(methodLabel('GET'), 'GET');
  for (const method of ['get', 'PROPFIND', '', 'constructor']) t.is(methodLabel(method), 'other');
  t.deepEqual([100, 204, 399, 404, 599].map(statusLabel), ['1xx', '2xx', '3xx', '4xx', '5xx']);
  for (const status of [0, 99, 600, 700, 2_200]) t.is(statusLabel(status), 'incomplete');
});

test('a value falls into the first bucket that it fits', (t) => {
  const counts = new BucketCounts([1, 10]);
  for (const value of [0, 1, 1.5, 10, 11, Infinity]) counts.add(value);
  t.deepEqual(counts.counts, [2, 2, 2]);
});
