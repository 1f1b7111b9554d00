import { PROCESS_DESCRIPTORS } from '../budget/descriptors.ts';
import { SOFTWARE_VERSION } from '../process/version.ts';
import { collectDefaultMetrics, Gauge, type Registry, Counter } from 'prom-client';

/** Gauges of prom-client that are called `_total`, which Prometheus keeps for counters. */
const MISNAMED = ['active_handles_total', 'active_requests_total', 'active_resources_total'];

/** How often the event loop's lag is sampled; finer would wake an idle process for nothing. */
const EVENT_LOOP_SAMPLING_MS = 100;

/**
 * Registers `hauberk_build_info`, the budgets, and the metrics of the process and its runtime under the
 * names that dashboards know: `process_…`, `nodejs_…`.
 */
export function registerProcessMetrics(registry: Registry): void {
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
  }).set({ version: SOFTWARE_VERSION }, 1);
  new Gauge({
    name: 'hauberk_descriptors',
    help: 'Descriptors: limit (of the system), reserved (kept by the program for itself), capacity (for connections), used (by connections).',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const state of ['limit', 'reserved', 'capacity', 'used'] as const) {
        this.set({ state }, PROCESS_DESCRIPTORS[state]);
      }
    },
  });
  /** A counter of what the runtime counts. */
  const counted = (name: string, help: string, count: () => number): void => {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(count());
      },
    });
  };
  counted(
    'hauberk_event_loop_turns_total',
    'Turns of the event loop, with --workers of all processes. With few requests each takes some of its own, with many they share one.',
    () => performance.nodeTiming.uvMetricsInfo.loopCount,
  );
  counted(
    'hauberk_event_loop_busy_seconds_total',
    'Time that event loops did not wait for events, with --workers the sum of all processes. Each of them can have one core.',
    () => performance.eventLoopUtilization().active / 1000,
  );
  const refusals: Counter = new Counter({
    name: 'hauberk_budget_refusals_total',
    help: 'Connections that were refused because a budget was exhausted, by budget.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      refusals.reset();
      for (const [reason, count] of PROCESS_DESCRIPTORS.refused) refusals.inc({ reason }, count);
    },
  });
}
