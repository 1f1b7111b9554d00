import { HELD_PATH } from '../lab/app.ts';
import { pause } from '../lab/deadline.ts';
import { eventLoopTurns } from '../measure/event-loop.ts';
import { cpuMs } from '../measure/process-usage.ts';
import { startWrk, type WrkOutcome } from '../measure/wrk.ts';
import { ratioAtLeast, ratioAtMost, type Metric, type Target } from '../results/metric.ts';
import type { RunKind, Workload, WorkloadContext } from './workload.ts';

/** Keep-alive traffic in its steady state. */
export interface SteadyOutcome {
  readonly requestsPerSecond: number;
  /** Of both sidecars together; NaN without sidecars. */
  readonly cpuUsPerRequest: number;
  /** Of the event loops of both sidecars; NaN where they are not counted. */
  readonly turnsPerRequest: number;
  readonly wrk: WrkOutcome;
}

/**
 * The first requests are held for so long after the last one came, which makes them the slowest of the
 * run: longer than any request takes afterwards.
 */
const HOLD_MS = 1_500;
/** Few connections are never that slow. */
const SHORT_HOLD_MS = 300;
const FEW_CONNECTIONS = 32;
/** Until buffers, windows and compiled code are what they will be. */
const WARM_UP_MS = 300;

/**
 * Requests one after the other on each of some connections. Throughput and processor time are taken
 * between two moments of the steady state; latencies are of all requests but the first of each
 * connection.
 */
export async function measureSteady(
  { pair, app, placement, seconds }: WorkloadContext,
  connections: number,
): Promise<SteadyOutcome> {
  const opened = app.gate.arm(connections, connections > FEW_CONNECTIONS ? HOLD_MS : SHORT_HOLD_MS);
  const order = { to: pair.to, path: HELD_PATH, connections, held: true, placement };
  await using wrk = startWrk(order);
  await Promise.race([opened, wrk.failed]);
  await pause(WARM_UP_MS);
  const turnsBefore = await eventLoopTurns(pair.metrics);
  const before = { requests: await app.requests(), cpu: cpuMs(pair.pids), at: performance.now() };
  await Promise.race([pause(seconds * 1000), wrk.failed]);
  const after = { requests: await app.requests(), cpu: cpuMs(pair.pids), at: performance.now() };
  const turnsAfter = await eventLoopTurns(pair.metrics);
  const requests = after.requests - before.requests;
  const cpuUs = (after.cpu - before.cpu) * 1000;
  return {
    requestsPerSecond: requests / ((after.at - before.at) / 1000),
    cpuUsPerRequest: pair.pids.length === 0 ? Number.NaN : cpuUs / requests,
    turnsPerRequest: (turnsAfter - turnsBefore) / requests,
    wrk: await wrk.finish(),
  };
}

interface KeepAliveTargets {
  readonly requests?: Target;
  readonly p50?: Target;
  readonly p99?: Target;
  readonly cpu?: Target;
  readonly alarms?: { readonly p50?: Target; readonly cpu?: Target };
}

function keepAlive(
  connections: number,
  inRuns: readonly RunKind[],
  targets: KeepAliveTargets,
): Workload {
  const latency = (key: string, title: string, target?: Target, alarm?: Target): Metric => ({
    key,
    title,
    unit: 'ms',
    better: 'lower',
    target,
    alarm,
  });
  return {
    id: `keep-alive-${connections}`,
    title: `keep-alive, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    description: `Small requests, one after the other on each of ${connections} connections that stay open.`,
    pair: 'shared',
    inRuns,
    metrics: [
      {
        key: 'requests',
        title: 'requests',
        unit: '/s',
        better: 'higher',
        target: targets.requests,
      },
      latency('p50', 'p50', targets.p50, targets.alarms?.p50),
      latency('p99', 'p99', targets.p99),
      latency('p999', 'p99.9'),
      {
        key: 'cpu',
        title: 'CPU a request, both sidecars',
        unit: 'us',
        better: 'lower',
        target: targets.cpu,
        alarm: targets.alarms?.cpu,
      },
      { key: 'turns', title: 'turns of our event loops a request', unit: '', better: 'lower' },
    ],
    async measure(context) {
      const steady = await measureSteady(context, connections);
      const { requestsPerSecond, cpuUsPerRequest, turnsPerRequest, wrk } = steady;
      return {
        requests: requestsPerSecond,
        p50: wrk.p50Us / 1000,
        p99: wrk.p99Us / 1000,
        p999: wrk.p999Us / 1000,
        cpu: cpuUsPerRequest,
        turns: turnsPerRequest,
        errors: wrk.errors,
      };
    },
  };
}

/** Where many connections share a tunnel. */
const MANY = { requests: ratioAtLeast(1.25), p99: ratioAtMost(1), cpu: ratioAtMost(0.75) };

/** Keep-alive traffic at growing numbers of connections. */
export const KEEP_ALIVE: readonly Workload[] = [
  keepAlive(1, ['quick', 'full', 'check'], {
    p50: ratioAtMost(1.1),
    p99: ratioAtMost(1.3),
    // 1.25 of what it is, on a quiet machine and on one that others use alike.
    alarms: { p50: ratioAtMost(2.3), cpu: ratioAtMost(2.2) },
  }),
  keepAlive(8, ['full'], {}),
  keepAlive(32, ['quick', 'full'], MANY),
  keepAlive(256, ['quick', 'full', 'check'], {
    ...MANY,
    // 1.25 of what it is while other programs use both cores; on a quiet machine more requests share a write, and it is 0.6.
    alarms: { cpu: ratioAtMost(1.3) },
  }),
  keepAlive(1_000, ['quick', 'full'], MANY),
];
