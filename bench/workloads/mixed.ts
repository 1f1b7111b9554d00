import { BULK_PATH } from '../lab/app.ts';
import { pause } from '../lab/deadline.ts';
import { startLoad } from '../measure/load.ts';
import type { BulkOutcome } from '../load/messages.ts';
import { ratioAtMost } from '../results/metric.ts';
import { measureSteady } from './keep-alive.ts';
import type { Workload } from './workload.ts';

const SMALL_CONNECTIONS = 8;
/** The load starts, and its first transfer is done. */
const BULK_START_MS = 500;
/** How much longer than the small requests the bulk goes on: until they have warmed up and ended. */
const BULK_MORE_SECONDS = 1.5;

/** What bulk costs small requests that share a pair of sidecars with it. */
export const MIXED: Workload = {
  id: 'mixed',
  title: 'small requests beside bulk',
  description: `Small requests on ${SMALL_CONNECTIONS} connections beside a download of 64 MiB, again and again.`,
  pair: 'shared',
  inRuns: ['quick', 'full'],
  metrics: [
    { key: 'p50', title: 'p50 of the small ones', unit: 'ms', better: 'lower' },
    {
      key: 'p99',
      title: 'p99 of the small ones',
      unit: 'ms',
      better: 'lower',
      target: ratioAtMost(1),
    },
    { key: 'requests', title: 'small requests', unit: '/s', better: 'higher' },
    { key: 'throughput', title: 'bulk', unit: 'MB/s', better: 'higher' },
  ],
  async measure(context) {
    const { pair, app, placement, seconds } = context;
    await using bulk = startLoad(
      {
        kind: 'bulk',
        to: pair.to,
        path: BULK_PATH,
        direction: 'download',
        bytes: app.bulkBytes,
        flows: 1,
        seconds: seconds + BULK_MORE_SECONDS,
        atLeast: 1,
      },
      placement,
    );
    await pause(BULK_START_MS);
    const small = await measureSteady(context, SMALL_CONNECTIONS);
    const { bytes, elapsedMs } = (await bulk.outcome()) as BulkOutcome;
    return {
      p50: small.wrk.p50Us / 1000,
      p99: small.wrk.p99Us / 1000,
      requests: small.requestsPerSecond,
      throughput: bytes / 1e6 / (elapsedMs / 1000),
      errors: small.wrk.errors,
    };
  },
};
