import { PROCESS_DESCRIPTORS } from '../budget/descriptors.ts';
import { registerBudgetMetrics } from './budget-metrics.ts';
import { collectDefaultMetrics, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** Gauges of prom-client that are called `_total`, which Prometheus keeps for counters. */
const MISNAMED = ['active_handles_total', 'active_requests_total', 'active_resources_total'];

/** How often the event loop's lag is sampled; finer would wake an idle process for nothing. */
const EVENT_LOOP_SAMPLING_MS = 100;

/**
 * Registers `hauberk_build_info`, the budgets, and the metrics of the process and its runtime under the
 * names that dashboards know: `process_…`, `nodejs_…`.
 */
export function registerProcessMetrics(
  registry: Registry,
  { version }: { readonly version: string },
): void {
  collectDefaultMetrics({
    register: registry,
    eventLoopMonitoringPrecision: EVENT_LOOP_SAMPLING_MS,
  });
  for (const name of MISNAMED) registry.removeSingleMetric(`nodejs_${name}`);
  new Gauge({
    name: 'hauberk_build_info',
    help: 'Always 1; the label carries the version of Hauberk.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
  registerBudgetMetrics(registry, PROCESS_DESCRIPTORS);
}
