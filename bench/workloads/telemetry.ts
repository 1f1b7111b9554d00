import { startScraper } from '../measure/scraper.ts';
import { measureSteady } from './keep-alive.ts';
import type { Workload } from './workload.ts';

const CONNECTIONS = 256;

/** What scrapes cost us: everywhere else the metrics are read once a second. */
export const TELEMETRY: Workload = {
  id: 'telemetry',
  title: 'metrics that are read',
  description: `Small requests on ${CONNECTIONS} connections, without scrapes and with one scrape a second, as in every other measurement.`,
  pair: 'shared',
  kinds: ['ours'],
  scraped: false,
  inRuns: ['full'],
  metrics: [
    { key: 'unread', title: 'requests, metrics unread', unit: '/s', better: 'higher' },
    { key: 'read', title: 'requests, metrics read', unit: '/s', better: 'higher' },
    { key: 'cpu', title: 'CPU a request more', unit: '%', better: 'lower' },
  ],
  async measure(context) {
    const unread = await measureSteady(context, CONNECTIONS);
    using _scraper = startScraper(context.pair.metrics);
    const read = await measureSteady(context, CONNECTIONS);
    return {
      unread: unread.requestsPerSecond,
      read: read.requestsPerSecond,
      cpu: (read.cpuUsPerRequest / unread.cpuUsPerRequest - 1) * 100,
      errors: unread.wrk.errors + read.wrk.errors,
    };
  },
};
