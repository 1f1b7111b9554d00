import { BULK_PATH } from '../lab/app.ts';
import { pause } from '../lab/deadline.ts';
import { startLoad } from '../measure/load.ts';
import { residentBytes } from '../measure/process-usage.ts';
import { valueAtLeast } from '../results/metric.ts';
import { measureSteady } from './keep-alive.ts';
import type { Workload } from './workload.ts';

const READERS = 16;
/** A download of 64 MiB at this speed takes a quarter of an hour: none of them ends meanwhile. */
const BYTES_PER_SECOND = 64 * 1024;
const FAST_CONNECTIONS = 32;
/** Until windows and buffers of those who do not read are full. */
const FILL_MS = 1_000;
/** The fast ones are not to lose any; the rest is left to noise. */
const UNNOTICED_PERCENT = 90;
const MEGABYTE = 1e6;

/** What those who do not read cost those who do. */
export const SLOW_READER: Workload = {
  id: 'slow-reader',
  title: 'slow readers beside fast ones',
  description: `${READERS} downloads that are read at 64 KiB a second, beside small requests on ${FAST_CONNECTIONS} connections, which are measured without the slow readers before.`,
  pair: 'own',
  inRuns: ['quick', 'full'],
  metrics: [
    { key: 'requests', title: 'requests of the fast ones', unit: '/s', better: 'higher' },
    {
      key: 'kept',
      title: 'of their requests without',
      unit: '%',
      better: 'higher',
      target: valueAtLeast(UNNOTICED_PERCENT),
    },
    { key: 'p99', title: 'p99 of the fast ones', unit: 'ms', better: 'lower' },
    { key: 'memory', title: 'RSS more, both sidecars', unit: 'MB', better: 'lower' },
  ],
  async measure(context) {
    const { pair, placement } = context;
    const without = await measureSteady(context, FAST_CONNECTIONS);
    const before = residentBytes(pair.pids);
    await using slow = startLoad(
      {
        kind: 'slow',
        to: pair.to,
        path: BULK_PATH,
        readers: READERS,
        bytesPerSecond: BYTES_PER_SECOND,
      },
      placement,
    );
    await slow.outcome();
    await pause(FILL_MS);
    const beside = await measureSteady(context, FAST_CONNECTIONS);
    return {
      requests: beside.requestsPerSecond,
      kept: (beside.requestsPerSecond / without.requestsPerSecond) * 100,
      p99: beside.wrk.p99Us / 1000,
      memory: pair.pids.length === 0 ? Number.NaN : (residentBytes(pair.pids) - before) / MEGABYTE,
      errors: beside.wrk.errors,
    };
  },
};
