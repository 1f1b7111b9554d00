import { measureConnections } from './connection-per-request.ts';
import type { Workload } from './workload.ts';

const AT_ONCE = 32;

/** What it costs us to write a line for each connection; everywhere else it is off, as with the peers. */
export const ACCESS_LOG: Workload = {
  id: 'access-log',
  title: 'an access log',
  description: `A connection for each request, ${AT_ONCE} at once, where each of our sidecars writes a line for each: to be held against the same load without.`,
  pair: 'own',
  hauberk: { accessLog: true },
  kinds: ['ours'],
  inRuns: ['full'],
  metrics: [
    { key: 'requests', title: 'connections', unit: '/s', better: 'higher' },
    { key: 'cpu', title: 'CPU a connection, both sidecars', unit: 'us', better: 'lower' },
  ],
  async measure(context) {
    const { requests, cpu, errors } = await measureConnections(context, AT_ONCE);
    return { requests, cpu, errors };
  },
};
