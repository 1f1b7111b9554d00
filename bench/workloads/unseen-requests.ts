import { measureSteady } from './keep-alive.ts';
import type { Workload } from './workload.ts';

const CONNECTIONS = 256;

/** What it costs us to look at requests: everywhere else we do. */
export const UNSEEN_REQUESTS: Workload = {
  id: 'unseen-requests',
  title: 'requests that are not looked at',
  description: `Small requests on ${CONNECTIONS} connections, where our sidecars do not look at them (--http-metrics off): to be held against the same load where they do.`,
  pair: 'own',
  hauberk: { httpMetrics: 'off' },
  kinds: ['ours'],
  inRuns: ['full'],
  metrics: [
    { key: 'requests', title: 'requests', unit: '/s', better: 'higher' },
    { key: 'cpu', title: 'CPU a request, both sidecars', unit: 'us', better: 'lower' },
  ],
  async measure(context) {
    const { requestsPerSecond, cpuUsPerRequest, wrk } = await measureSteady(context, CONNECTIONS);
    return { requests: requestsPerSecond, cpu: cpuUsPerRequest, errors: wrk.errors };
  },
};
