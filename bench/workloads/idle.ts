import { pause } from '../lab/deadline.ts';
import type { OpenLoopOutcome } from '../load/messages.ts';
import { startLoad } from '../measure/load.ts';
import { cpuMs, privateBytes, residentBytes } from '../measure/process-usage.ts';
import { ratioAtMost, valueAtMost, type Metric, type Target } from '../results/metric.ts';
import type { RunKind, Workload } from './workload.ts';

/** What is freed or kept after the last connection has come shows by then. */
const SETTLE_MS = 1_500;
const MEGABYTE = 1e6;
/** Little, so that what many connections cost is not what many requests cost. */
const REQUESTS_PER_SECOND = 2_000;

/** 1.25 of what it is beside nginx. */
const RSS_ALARM = ratioAtMost(7.5);

const BOTH: Metric = { key: 'both', title: 'RSS, both sidecars', unit: 'MB', better: 'lower' };

function idle(connections: number, inRuns: readonly RunKind[], target?: Target): Workload {
  const many = connections.toLocaleString('en');
  return {
    id: `idle-${connections}`,
    title: `${many} idle connections`,
    description: `${many} connections that are open from end to end, each after one request, and then idle; then ${REQUESTS_PER_SECOND.toLocaleString('en')} small requests a second on them, in turn.`,
    pair: 'own',
    inRuns,
    metrics: [
      { ...BOTH, target },
      { key: 'p99', title: 'p99 of the requests', unit: 'ms', better: 'lower' },
      { key: 'cpu', title: 'CPU a request, both sidecars', unit: 'us', better: 'lower' },
    ],
    async measure({ pair, placement, seconds }) {
      await using load = startLoad(
        {
          kind: 'open-loop',
          held: true,
          to: pair.to,
          connections: Math.min(connections, placement.maxConnections),
          requestsPerSecond: REQUESTS_PER_SECOND,
          seconds,
        },
        placement,
      );
      await load.outcome();
      await pause(SETTLE_MS);
      const both = memory(pair.pids);
      const cpu = cpuMs(pair.pids);
      load.go();
      const { p99Us, requests, unmeasured, failures } = (await load.outcome()) as OpenLoopOutcome;
      const cpuUs = (cpuMs(pair.pids) - cpu) * 1000;
      return {
        both,
        p99: p99Us / 1000,
        cpu: pair.pids.length === 0 ? Number.NaN : cpuUs / (requests + unmeasured),
        errors: failures,
      };
    },
  };
}

const fresh: Workload = {
  id: 'idle-0',
  title: 'no connections',
  description: 'A pair that has carried one request.',
  pair: 'own',
  inRuns: ['quick', 'full', 'check'],
  metrics: [
    {
      key: 'larger',
      title: 'RSS, the larger sidecar',
      unit: 'MB',
      better: 'lower',
      target: valueAtMost(65),
    },
    {
      key: 'private',
      title: 'memory of its own, the larger sidecar',
      unit: 'MB',
      better: 'lower',
      target: valueAtMost(24),
    },
    { ...BOTH, alarm: RSS_ALARM },
  ],
  async measure({ pair: { pids } }) {
    await pause(SETTLE_MS);
    return {
      larger: largest(pids.map((pid) => memory([pid]))),
      private: largest(pids.map((pid) => privateBytes(pid) / MEGABYTE)),
      both: memory(pids),
    };
  },
};

function memory(pids: readonly number[]): number {
  return pids.length === 0 ? Number.NaN : residentBytes(pids) / MEGABYTE;
}

function largest(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : Math.max(...values);
}

/** Memory by the number of connections, and what requests on some of them cost. */
export const IDLE: readonly Workload[] = [
  fresh,
  idle(10, ['full']),
  idle(100, ['full']),
  idle(1_000, ['quick', 'full']),
  idle(10_000, ['full'], ratioAtMost(0.5)),
];
