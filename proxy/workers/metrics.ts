import type { Registry } from 'prom-client';
import { counter, gauge } from '../metrics/collectors.ts';
import type { MetricRow } from '../metrics/table.ts';
import type { WorkerHandle } from './worker-handle.ts';

/**
 * The metrics of a sidecar or a gateway with several workers, besides those that every one has.
 * `worker` is a number from 1 on; who follows an ended worker has its number.
 */
const WORKER_METRICS = {
  ready: {
    name: 'hauberk_workers_ready',
    type: 'gauge',
    labels: [],
    help: 'Workers that are ready.',
  },
  ends: {
    name: 'hauberk_worker_ends_total',
    type: 'counter',
    labels: [],
    help: 'Workers that ended unexpectedly and were started again.',
  },
  connectionsOpened: {
    name: 'hauberk_worker_connections_opened_total',
    type: 'counter',
    labels: ['worker'],
    help: 'Connections that a worker has carried since it was started.',
  },
  connectionsOpen: {
    name: 'hauberk_worker_connections_open',
    type: 'gauge',
    labels: ['worker'],
    help: 'Connections that a worker has open.',
  },
  tunnelsOpen: {
    name: 'hauberk_worker_tunnels_open',
    type: 'gauge',
    labels: ['worker'],
    help: 'Tunnels that a worker has, in both directions.',
  },
} as const satisfies Record<string, MetricRow>;

/** Where the metrics read from. */
export interface WorkersSource {
  readonly ends: number;
  readonly workers: readonly WorkerHandle[];
}

/** Registers every metric of `WORKER_METRICS`. */
export function registerWorkerMetrics(registry: Registry, source: WorkersSource): void {
  const { ready, ends, connectionsOpened, connectionsOpen, tunnelsOpen } = WORKER_METRICS;
  const each =
    (key: 'totalConnections' | 'openConnections' | 'openTunnels') =>
    (set: (labels: Record<string, string>, value: number) => void): void => {
      for (const { number, traffic } of source.workers) {
        set({ worker: String(number) }, traffic[key]);
      }
    };
  gauge(registry, ready, (set) => {
    set({}, source.workers.filter(({ isReady }) => isReady).length);
  });
  counter(registry, ends, (add) => add({}, source.ends));
  counter(registry, connectionsOpened, each('totalConnections'));
  gauge(registry, connectionsOpen, each('openConnections'));
  gauge(registry, tunnelsOpen, each('openTunnels'));
}
