import { pause } from '../lab/deadline.ts';
import { startLoad } from '../measure/load.ts';
import { residentBytes } from '../measure/process-usage.ts';
import { ratioAtMost, valueAtMost, type Metric, type Target } from '../results/metric.ts';
import type { RunKind, Workload } from './workload.ts';

/** What is freed or kept after the last connection has come shows by then. */
const SETTLE_MS = 1_500;
const MEGABYTE = 1e6;

/** 1.25 of what it is beside nginx. */
const RSS_ALARM = ratioAtMost(7.5);

const BOTH: Metric = { key: 'both', title: 'RSS, both sidecars', unit: 'MB', better: 'lower' };

function idle(connections: number, inRuns: readonly RunKind[], target?: Target): Workload {
  return {
    id: `idle-${connections}`,
    title: `${connections.toLocaleString('en')} idle connections`,
    description: `${connections.toLocaleString('en')} connections that are open from end to end, each after one request, and then idle.`,
    pair: 'own',
    inRuns,
    metrics: [{ ...BOTH, target }],
    async measure({ pair, placement }) {
      const many = Math.min(connections, placement.maxConnections);
      await using load = startLoad({ kind: 'idle', port: pair.port, connections: many }, placement);
      await load.outcome();
      await pause(SETTLE_MS);
      return { both: memory(pair.pids) };
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
      target: valueAtMost(70),
    },
    { ...BOTH, alarm: RSS_ALARM },
  ],
  async measure({ pair }) {
    await pause(SETTLE_MS);
    const larger = Math.max(...pair.pids.map((pid) => memory([pid])));
    return { larger, both: memory(pair.pids) };
  },
};

function memory(pids: readonly number[]): number {
  return pids.length === 0 ? Number.NaN : residentBytes(pids) / MEGABYTE;
}

/** Memory by the number of connections. */
export const IDLE: readonly Workload[] = [
  fresh,
  idle(1_000, ['quick', 'full']),
  idle(10_000, ['full'], ratioAtMost(0.5)),
];
