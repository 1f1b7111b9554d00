/** A counter whose labels have closed lists has all of its series from the start, at 0. */
import { createServer } from 'node:http';
import test from 'ava';
import { Registry } from 'prom-client';
import { createGuard } from '../../common/guard.ts';
import { refuseWhatIsNotHttp } from '../../common/metrics/http-refusals.ts';
import { registerInternalErrors } from '../../common/metrics/internal-errors.ts';
import { registerProcessMetrics } from '../../common/metrics/process-metrics.ts';
import { createHttpRefusals } from '../../common/metrics/telemetry-server.ts';
import { createControlPlaneMetrics } from '../../control-plane/metrics.ts';
import { startAtZero } from '../../control-plane/server/metrics/known-series.ts';
import { createGatewayMetrics } from '../../proxy/gateway/metrics.ts';
import { createProxyMetrics } from '../../proxy/metrics/proxy-metrics.ts';
import { KNOWN_SERIES } from '../../proxy/wiring/known-series.ts';
import { registerWorkerMetrics } from '../../proxy/workers/metrics.ts';
import { createLogRecorder } from '../helpers/log-recorder.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

/** Counters with a label that has no closed list: a peer, a rule, a status, a code of the system. */
const OPEN: ReadonlySet<string> = new Set([
  'hauberk_connections_opened_total',
  'hauberk_connections_closed_total',
  'hauberk_connections_failed_total',
  'hauberk_policy_audited_total',
  'hauberk_requests_total',
  'hauberk_requests_denied_total',
  'hauberk_bytes_sent_total',
  'hauberk_bytes_received_total',
  'hauberk_worker_connections_opened_total',
  'hauberk_gateway_requests_total',
  'hauberk_grpc_connections_failed_total',
]);

/** What the runtime counts since the process began; nothing there is an event to be missed. */
const OF_THE_RUNTIME: ReadonlySet<string> = new Set([
  'hauberk_event_loop_turns_total',
  'hauberk_event_loop_busy_seconds_total',
]);

function everything(): Registry {
  const registry = new Registry();
  const [clock, { logger }] = [createManualClock(), createLogRecorder()];
  startAtZero(createControlPlaneMetrics(registry));
  createProxyMetrics(registry, { known: KNOWN_SERIES });
  createGatewayMetrics(registry).of('web');
  registerWorkerMetrics(registry, { ends: 0, workers: [] });
  const counter = createHttpRefusals(registry);
  const http = { name: 'metrics', counter, maxConnections: 1, logger, clock };
  refuseWhatIsNotHttp(createServer(), http);
  registerInternalErrors(registry, createGuard({ clock, logger }));
  registerProcessMetrics(registry);
  return registry;
}

test('every counter begins at 0', async (t) => {
  const families = await everything().getMetricsAsJSON();
  const counters = families.filter(
    ({ name, type }) =>
      String(type) === 'counter' && name.startsWith('hauberk_') && !OF_THE_RUNTIME.has(name),
  );
  t.true(counters.length > 15, 'the counters were found');
  for (const { name, values } of counters.filter((family) => !OPEN.has(family.name))) {
    t.true(values.length > 0, `${name} has series`);
    t.true(
      values.every(({ value }) => value === 0),
      name,
    );
  }
  const names = new Set(counters.map(({ name }) => name));
  t.deepEqual(
    [...OPEN].filter((name) => !names.has(name)),
    [],
  );
});

test('each combination of known values is there', async (t) => {
  const text = await everything().metrics();
  for (const series of [
    'hauberk_issue_refused_total{reason="token-unknown"}',
    'hauberk_calls_refused_total{service="discovery",reason="rate-limited"}',
    'hauberk_calls_refused_total{service="admin",reason="rate-limited"}',
    'hauberk_handshakes_refused_total{direction="inbound",reason="untrusted"}',
    'hauberk_tunnels_closed_total{direction="outbound",reason="revoked"}',
    'hauberk_certificate_renewal_failures_total{reason="unreachable"}',
    'hauberk_gateway_connections_refused_total{listener="web",reason="too-many-connections"}',
    'hauberk_gateway_requests_refused_total{listener="web",reason="service-late"}',
    'hauberk_gateway_reloads_total{outcome="refused"}',
    'hauberk_http_connections_refused_total{reason="timeout"}',
    'hauberk_internal_errors_total{where="timer"}',
  ]) {
    t.true(text.includes(`\n${series} 0\n`), series);
  }
});

test('metrics of the process have their usual names', async (t) => {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const names = new Set((await registry.getMetricsAsJSON()).map(({ name }) => name));
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'process_start_time_seconds',
    'process_open_fds',
    'process_max_fds',
    'nodejs_eventloop_lag_seconds',
    'nodejs_heap_size_used_bytes',
    'nodejs_version_info',
  ]) {
    t.true(names.has(name), name);
  }
});
