/** The tables of docs/metrics.md name every metric of the programs, as a scraper meets it. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import test from 'ava';
import { Registry } from 'prom-client';
import { createGuard, GUARDED, type Guarded } from '../../common/guard.ts';
import { refuseWhatIsNotHttp } from '../../common/metrics/http-refusals.ts';
import { registerInternalErrors } from '../../common/metrics/internal-errors.ts';
import { registerProcessMetrics } from '../../common/metrics/process-metrics.ts';
import { createHttpRefusals } from '../../common/metrics/telemetry-server.ts';
import {
  CONTROL_PLANE_GAUGES,
  createControlPlaneMetrics,
  registerControlPlaneGauges,
} from '../../control-plane/metrics.ts';
import { createGatewayMetrics } from '../../proxy/gateway/metrics.ts';
import { createProxyMetrics } from '../../proxy/metrics/proxy-metrics.ts';
import { createRouteMetrics } from '../../proxy/routes/metrics.ts';
import { registerWorkerMetrics } from '../../proxy/workers/metrics.ts';
import { createLogRecorder } from '../helpers/log-recorder.ts';
import { createManualClock } from '../helpers/manual-clock.ts';
import { tableOf } from './markdown.ts';

/** What prom-client knows of a metric besides its samples. */
interface Described {
  readonly labelNames: readonly string[];
}

/** The rows of a registry: name, type, labels, what it is. */
async function rowsOf(registry: Registry): Promise<string[][]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map(({ name, type, help }) => {
    const { labelNames } = registry.getSingleMetric(name) as unknown as Described;
    return [name, String(type), labelNames.join(', '), help];
  });
}

test('docs/metrics.md describes every metric of a sidecar', async (t) => {
  const registry = new Registry();
  createProxyMetrics(registry);
  t.deepEqual(tableOf('metrics.md', 'Sidecar'), await rowsOf(registry));
});

test('docs/metrics.md describes every metric of routes', async (t) => {
  const registry = new Registry();
  createRouteMetrics(registry);
  t.deepEqual(tableOf('metrics.md', 'Routes'), await rowsOf(registry));
});

test('docs/metrics.md describes every metric of workers', async (t) => {
  const registry = new Registry();
  registerWorkerMetrics(registry, { ends: 0, workers: [] });
  t.deepEqual(tableOf('metrics.md', 'Workers'), await rowsOf(registry));
});

test('docs/metrics.md describes every metric of a gateway', async (t) => {
  const registry = new Registry();
  createGatewayMetrics(registry);
  t.deepEqual(tableOf('metrics.md', 'Gateway'), await rowsOf(registry));
});

test('docs/metrics.md describes every metric of the control plane', async (t) => {
  const registry = new Registry();
  createControlPlaneMetrics(registry);
  type Name = keyof typeof CONTROL_PLANE_GAUGES;
  const names = Object.keys(CONTROL_PLANE_GAUGES);
  registerControlPlaneGauges(registry, {
    tokens: () => Promise.resolve({}),
    rotationPhase: () => 'stable',
    numbers: Object.fromEntries(names.map((name) => [name, () => 0])) as Record<Name, () => number>,
  });
  t.deepEqual(tableOf('metrics.md', 'Control plane'), await rowsOf(registry));
});

test('docs/metrics.md describes what both programs have', async (t) => {
  const registry = new Registry();
  const [clock, { logger }] = [createManualClock(), createLogRecorder()];
  registerProcessMetrics(registry);
  const counter = createHttpRefusals(registry);
  const http = { name: 'metrics', counter, logger, clock, maxConnections: 8 };
  refuseWhatIsNotHttp(createServer(), http);
  registerInternalErrors(registry, createGuard({ clock, logger }));
  const rows = await rowsOf(registry);
  const own = rows.filter(([name = '']) => !/^(?:process|nodejs)_/.test(name));
  t.deepEqual(tableOf('metrics.md', 'Both'), own);
});

test('docs/metrics.md names the places of internal errors that are no rooms', (t) => {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const nets: Guarded[] = ['timer', 'uncaught', 'rejection'];
  t.deepEqual(
    nets.filter((where) => GUARDED.includes(where) && text.includes(`\`${where}\``)),
    nets,
  );
});
