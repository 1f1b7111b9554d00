import type { Metric } from '../../bench/results/metric.ts';
import type { BenchResults, Sample } from '../../bench/results/results.ts';

/** What a test wants in its results. */
export interface BenchResultsOptions {
  readonly metrics: readonly Metric[];
  readonly samples: readonly Sample[];
}

/** Results of one workload, `work`, as the bench would have written them. */
export function benchResults({ metrics, samples }: BenchResultsOptions): BenchResults {
  return {
    format: 1,
    startedAt: '2026-01-02T03:04:05.000Z',
    command: 'npm run bench',
    machine: {
      processor: 'A Processor',
      cores: 2,
      memoryGiB: 8,
      kernel: 'Linux 6.1',
      node: 'v26.0.0',
      openssl: '3.5.0',
      placement: 'sidecars, load and application share the cores 0,1',
    },
    rounds: 1,
    seconds: 1,
    peers: [
      { id: 'hauberk', title: 'Hauberk', kind: 'ours', version: '1' },
      { id: 'nginx', title: 'nginx stream', kind: 'one-to-one', version: '1' },
      { id: 'haproxy', title: 'HAProxy', kind: 'one-to-one', version: '1' },
      { id: 'stunnel', title: 'stunnel', kind: 'one-to-one', version: '1' },
      { id: 'envoy-hbone', title: 'Envoy HBONE', kind: 'multiplexing', version: '1' },
      { id: 'bound', title: 'bound on this runtime', kind: 'bound', version: '26' },
      { id: 'direct', title: 'no sidecars', kind: 'none', version: '' },
    ],
    missing: [],
    limits: [],
    workloads: [{ id: 'work', title: 'some work', description: 'Works.', metrics: [...metrics] }],
    samples: [...samples],
  };
}
