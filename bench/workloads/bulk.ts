import { BULK_PATH } from '../lab/app.ts';
import { runLoad } from '../measure/load.ts';
import { cpuMs } from '../measure/process-usage.ts';
import { ratioAtLeast, ratioAtMost } from '../results/metric.ts';
import type { RunKind, Workload } from './workload.ts';

const GIB = 1024 ** 3;
/**
 * What a pair carries before it is measured: sidecars run for days, and one that compiles its code while it
 * runs would be measured in its first second.
 */
const WARM_UP_TRANSFERS = 6;
/** Fewer would be a matter of luck. */
const TRANSFERS_AT_LEAST = 3;
/** 1.25 of what it is on the machine where it is most. */
const CPU_ALARMS = { download: ratioAtMost(1), upload: ratioAtMost(1.2) } as const;

function bulk(
  direction: 'download' | 'upload',
  flows: number,
  inRuns: readonly RunKind[],
): Workload {
  const way = direction === 'download' ? 'down' : 'up';
  return {
    id: `bulk-${way}-${flows}`,
    title: `bulk ${direction}, ${flows} ${flows === 1 ? 'flow' : 'flows'}`,
    description: `64 MiB from ${direction === 'download' ? 'the application to the caller' : 'the caller to the application'}, ${flows} at a time, again and again.`,
    pair: 'shared',
    inRuns,
    metrics: [
      {
        key: 'throughput',
        title: 'throughput',
        unit: 'MB/s',
        better: 'higher',
        target: ratioAtLeast(1),
      },
      {
        key: 'cpu',
        title: 'CPU a GiB, both sidecars',
        unit: 's',
        better: 'lower',
        alarm: CPU_ALARMS[direction],
      },
    ],
    async measure({ pair, app, placement, seconds }) {
      const order = {
        kind: 'bulk',
        to: pair.to,
        path: BULK_PATH,
        direction,
        bytes: app.bulkBytes,
      } as const;
      await runLoad({ ...order, flows: 1, seconds: 0, atLeast: WARM_UP_TRANSFERS - 1 }, placement);
      const cpu = cpuMs(pair.pids);
      const atLeast = Math.max(flows, TRANSFERS_AT_LEAST);
      const { bytes, elapsedMs } = await runLoad({ ...order, flows, seconds, atLeast }, placement);
      const cpuSeconds = (cpuMs(pair.pids) - cpu) / 1000;
      // The load begins with one more transfer.
      const carried = bytes + app.bulkBytes;
      return {
        throughput: bytes / 1e6 / (elapsedMs / 1000),
        cpu: pair.pids.length === 0 ? Number.NaN : cpuSeconds / (carried / GIB),
      };
    },
  };
}

/** Bulk in both directions, one flow and four. */
export const BULK: readonly Workload[] = [
  bulk('download', 1, ['quick', 'full', 'check']),
  bulk('download', 4, ['quick', 'full']),
  bulk('upload', 1, ['quick', 'full', 'check']),
  bulk('upload', 4, ['full']),
];
