import { PLAIN_PATH } from '../lab/app.ts';
import { pause } from '../lab/deadline.ts';
import { cpuMs } from '../measure/process-usage.ts';
import { startWrk } from '../measure/wrk.ts';
import { ratioAtLeast, ratioAtMost, type Target } from '../results/metric.ts';
import type { RunKind, Workload, WorkloadContext } from './workload.ts';

/** Until compiled code is what it will be. */
const WARM_UP_MS = 500;

/** A connection for each request, so many at once; values by the keys of the metrics below. */
export async function measureConnections(
  { pair, app, placement, seconds }: WorkloadContext,
  atOnce: number,
) {
  const order = { to: pair.to, path: PLAIN_PATH, connections: atOnce, placement };
  await using wrk = startWrk({ ...order, held: false, closing: true });
  await Promise.race([pause(WARM_UP_MS), wrk.failed]);
  const [requests, cpu, at] = [await app.requests(), cpuMs(pair.pids), performance.now()];
  await Promise.race([pause(seconds * 1000), wrk.failed]);
  const done = (await app.requests()) - requests;
  const cpuUs = (cpuMs(pair.pids) - cpu) * 1000;
  const elapsedSeconds = (performance.now() - at) / 1000;
  const { p50Us, p99Us, errors } = await wrk.finish();
  return {
    requests: done / elapsedSeconds,
    p50: p50Us / 1000,
    p99: p99Us / 1000,
    cpu: pair.pids.length === 0 ? Number.NaN : cpuUs / done,
    errors,
  };
}

function connectionPerRequest(
  atOnce: number,
  inRuns: readonly RunKind[],
  alarm?: Target,
): Workload {
  return {
    id: `connect-${atOnce}`,
    title: `a connection for each request, ${atOnce} at once`,
    description: `Each request on a connection of its own, ${atOnce} at a time: to peers without multiplexing each is a TLS handshake.`,
    pair: 'shared',
    inRuns,
    metrics: [
      {
        key: 'requests',
        title: 'connections',
        unit: '/s',
        better: 'higher',
        target: ratioAtLeast(1.2),
      },
      { key: 'p50', title: 'p50 of the answer', unit: 'ms', better: 'lower' },
      { key: 'p99', title: 'p99 of the answer', unit: 'ms', better: 'lower' },
      {
        key: 'cpu',
        title: 'CPU a connection, both sidecars',
        unit: 'us',
        better: 'lower',
        target: ratioAtMost(0.9),
        alarm,
      },
    ],
    measure: (context) => measureConnections(context, atOnce),
  };
}

/** New connections, one after the other and many at once. */
export const CONNECTION_PER_REQUEST: readonly Workload[] = [
  connectionPerRequest(1, ['full']),
  // The alarm is 1.25 of what it is.
  connectionPerRequest(32, ['quick', 'full', 'check'], ratioAtMost(0.34)),
];
