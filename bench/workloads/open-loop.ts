import { cpuMs } from '../measure/process-usage.ts';
import { runLoad } from '../measure/load.ts';
import { ratioAtMost, type Target } from '../results/metric.ts';
import type { RunKind, Workload } from './workload.ts';

const CONNECTIONS = 64;

function openLoop(
  requestsPerSecond: number,
  inRuns: readonly RunKind[],
  target?: Target,
): Workload {
  const rate = requestsPerSecond.toLocaleString('en').replace(',', ' ');
  return {
    id: `open-loop-${requestsPerSecond}`,
    title: `${rate} requests a second`,
    description: `Small requests at a fixed rate on ${CONNECTIONS} connections, whatever became of those before; each counts from the moment that it was due.`,
    pair: 'shared',
    inRuns,
    metrics: [
      { key: 'p50', title: 'p50', unit: 'ms', better: 'lower' },
      { key: 'p99', title: 'p99', unit: 'ms', better: 'lower', target },
      { key: 'p999', title: 'p99.9', unit: 'ms', better: 'lower' },
      { key: 'cpu', title: 'CPU a request, both sidecars', unit: 'us', better: 'lower' },
    ],
    async measure({ pair, placement, seconds }) {
      const cpu = cpuMs(pair.pids);
      const order = { kind: 'open-loop', port: pair.port, connections: CONNECTIONS } as const;
      const outcome = await runLoad({ ...order, requestsPerSecond, seconds }, placement);
      const cpuUs = (cpuMs(pair.pids) - cpu) * 1000;
      // The load begins before it measures, at the same rate.
      const all = outcome.requests + outcome.unmeasured;
      return {
        p50: outcome.p50Us / 1000,
        p99: outcome.p99Us / 1000,
        p999: outcome.p999Us / 1000,
        cpu: pair.pids.length === 0 ? Number.NaN : cpuUs / all,
        errors: outcome.failures,
      };
    },
  };
}

/**
 * Load as callers make it, who do not wait for each other. The rates are fixed, so that every peer has the same: 12 000 is
 * about half of what the best native peer carries on 32 connections on the machine of the figures.
 */
export const OPEN_LOOP: readonly Workload[] = [
  openLoop(2_000, ['quick', 'full']),
  openLoop(12_000, ['full'], ratioAtMost(1.1)),
];
