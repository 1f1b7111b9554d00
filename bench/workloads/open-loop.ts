import { BenchError } from '../bench-error.ts';
import { cpuMs } from '../measure/process-usage.ts';
import { runLoad } from '../measure/load.ts';
import { ratioAtMost, type Metric, type Target } from '../results/metric.ts';
import { bestCapacity } from '../results/rows.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const CONNECTIONS = 64;
/** Where the capacity of peers is measured. */
const CAPACITY_ROW = 'keep-alive-32';
const SHARE = 0.5;

const DESCRIPTION = `on ${CONNECTIONS} connections, whatever became of those before; each counts from the moment that it was due.`;

function metrics(target?: Target): Metric[] {
  return [
    { key: 'p50', title: 'p50', unit: 'ms', better: 'lower' },
    { key: 'p99', title: 'p99', unit: 'ms', better: 'lower', target },
    { key: 'p999', title: 'p99.9', unit: 'ms', better: 'lower' },
    { key: 'cpu', title: 'CPU a request, both sidecars', unit: 'us', better: 'lower' },
  ];
}

async function measureAtRate(
  { pair, placement, seconds }: WorkloadContext,
  requestsPerSecond: number,
) {
  const cpu = cpuMs(pair.pids);
  const outcome = await runLoad(
    {
      kind: 'open-loop',
      held: false,
      to: pair.to,
      connections: CONNECTIONS,
      requestsPerSecond,
      seconds,
    },
    placement,
  );
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
}

const few: Workload = {
  id: 'open-loop-2000',
  title: '2 000 requests a second',
  description: `Small requests at a fixed rate ${DESCRIPTION}`,
  pair: 'shared',
  inRuns: ['quick', 'full'],
  metrics: metrics(),
  measure: (context) => measureAtRate(context, 2_000),
};

const half: Workload = {
  id: 'open-loop-half',
  title: "requests at half of the best peer's capacity",
  description: `Small requests at a fixed rate ${DESCRIPTION} The rate is half of what the best of nginx, HAProxy, Envoy HBONE and ztunnel carried on 32 keep-alive connections in the same run, up to the same round, and is the same for every peer.`,
  pair: 'shared',
  needs: CAPACITY_ROW,
  inRuns: ['full'],
  metrics: [
    { key: 'rate', title: 'rate', unit: '/s', better: 'higher' },
    ...metrics(ratioAtMost(1.1)),
  ],
  async measure(context) {
    const capacity = bestCapacity(context.samples, CAPACITY_ROW, 'requests');
    if (capacity === undefined) {
      throw new BenchError(
        'load-failed',
        'expected a peer whose capacity gives the rate, none was measured',
        { hint: 'leave nginx, haproxy or envoy-hbone among the peers' },
      );
    }
    const rate = Math.round(capacity * SHARE);
    return { rate, ...(await measureAtRate(context, rate)) };
  },
};

/** Load as callers make it, who do not wait for each other. */
export const OPEN_LOOP: readonly Workload[] = [few, half];
