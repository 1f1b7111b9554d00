import { BULK_PATH } from '../lab/app.ts';
import { pause } from '../lab/deadline.ts';
import { runLoad } from '../measure/load.ts';
import { residentBytes } from '../measure/process-usage.ts';
import { valueAtMost } from '../results/metric.ts';
import { measureSteady } from './keep-alive.ts';
import type { Workload } from './workload.ts';

const MEGABYTE = 1e6;
const GIB = 1024 ** 3;
const CONNECTIONS = 256;
/** After the start, until what it took has been given back; after a load, as the target says. */
const SETTLE_MS = 3_000;
const GIVEN_BACK_MS = 60_000;

/** Whether a sidecar keeps what a load took. */
export const AFTER_LOAD: Workload = {
  id: 'after-load',
  title: 'a minute after a load',
  description: `A pair that has carried ${CONNECTIONS} keep-alive connections and then 1 GiB, a minute after the last of it.`,
  pair: 'own',
  inRuns: ['full'],
  metrics: [
    { key: 'idle', title: 'RSS before, both sidecars', unit: 'MB', better: 'lower' },
    { key: 'loaded', title: 'RSS at the end of the load', unit: 'MB', better: 'lower' },
    { key: 'after', title: 'RSS a minute later', unit: 'MB', better: 'lower' },
    { key: 'grown', title: 'after / before', unit: 'x', better: 'lower', target: valueAtMost(1.3) },
  ],
  async measure(context) {
    const { pair, app, placement } = context;
    const memory = (): number =>
      pair.pids.length === 0 ? Number.NaN : residentBytes(pair.pids) / MEGABYTE;
    await pause(SETTLE_MS);
    const idle = memory();
    await measureSteady(context, CONNECTIONS);
    const order = {
      kind: 'bulk',
      to: pair.to,
      path: BULK_PATH,
      direction: 'download',
    } as const;
    const atLeast = Math.ceil(GIB / app.bulkBytes);
    await runLoad({ ...order, bytes: app.bulkBytes, flows: 1, seconds: 0, atLeast }, placement);
    const loaded = memory();
    await pause(GIVEN_BACK_MS);
    const after = memory();
    return { idle, loaded, after, grown: after / idle };
  },
};
