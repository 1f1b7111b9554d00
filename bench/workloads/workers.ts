import { residentBytes } from '../measure/process-usage.ts';
import { measureConnections } from './connection-per-request.ts';
import { measureSteady } from './keep-alive.ts';
import type { Workload } from './workload.ts';

const CONNECTIONS = 256;
const AT_ONCE = 32;
const BYTES_PER_MEGABYTE = 1_000_000;

/** Each of our sidecars with so many workers. */
function withWorkers(workers: number): Workload {
  return {
    id: `workers-${workers}`,
    title: `${workers} ${workers === 1 ? 'worker' : 'workers'} in each sidecar`,
    description: `Small requests on ${CONNECTIONS} connections, then a connection for each request with ${AT_ONCE} at once, where each of the two sidecars has ${workers === 1 ? 'one process' : `${workers} workers and the process that leads them`}.`,
    pair: 'own',
    hauberk: { workers },
    kinds: ['ours'],
    inRuns: ['full'],
    metrics: [
      { key: 'requests', title: 'requests', unit: '/s', better: 'higher' },
      { key: 'p99', title: 'p99', unit: 'ms', better: 'lower' },
      { key: 'cpu', title: 'CPU a request, both sidecars', unit: 'us', better: 'lower' },
      { key: 'connections', title: 'connections', unit: '/s', better: 'higher' },
      { key: 'memory', title: 'memory, both sidecars', unit: 'MB', better: 'lower' },
    ],
    async measure(context) {
      const steady = await measureSteady(context, CONNECTIONS);
      const memoryBytes = residentBytes(context.pair.pids);
      const connections = await measureConnections(context, AT_ONCE);
      return {
        requests: steady.requestsPerSecond,
        p99: steady.wrk.p99Us / 1000,
        cpu: steady.cpuUsPerRequest,
        connections: connections.requests,
        memory: memoryBytes / BYTES_PER_MEGABYTE,
        errors: steady.wrk.errors + connections.errors,
      };
    },
  };
}

/** The scaling curve of \`--workers\`. */
export const WORKERS: readonly Workload[] = [1, 2, 4].map(withWorkers);
