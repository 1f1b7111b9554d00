import { pause } from '../lab/deadline.ts';
import type { OpenLoopOrder, OpenLoopOutcome } from '../load/messages.ts';
import { startLoad } from '../measure/load.ts';
import { cpuMs, residentBytes } from '../measure/process-usage.ts';
import type { Metric } from '../results/metric.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const MEGABYTE = 1e6;
/** What is freed or kept after the last one has come shows by then. */
const SETTLE_MS = 1_500;
/** The same whatever grows, and little. */
const REQUESTS_PER_SECOND = 1_000;
/** Spread over the peers: one of 100 peers has one of them. */
const CONNECTIONS = 100;
/** What the tunnels are for, as HBONE names it. */
const AUTHORITY = '127.0.0.1:8080';

function metrics(who: string): Metric[] {
  return [
    { key: 'memory', title: `RSS, ${who}`, unit: 'MB', better: 'lower' },
    { key: 'p99', title: 'p99 of the requests', unit: 'ms', better: 'lower' },
    { key: 'cpu', title: `CPU a request, ${who}`, unit: 'us', better: 'lower' },
  ];
}

/** One process, idle with its connections, and then under the fixed load. */
async function measureProcess(
  { placement, seconds }: WorkloadContext,
  pid: number,
  order: Pick<OpenLoopOrder, 'to' | 'tunnels'>,
) {
  await using load = startLoad(
    {
      kind: 'open-loop',
      held: true,
      connections: CONNECTIONS,
      requestsPerSecond: REQUESTS_PER_SECOND,
      seconds,
      ...order,
    },
    placement,
  );
  await load.outcome();
  await pause(SETTLE_MS);
  const memory = residentBytes([pid]) / MEGABYTE;
  const cpu = cpuMs([pid]);
  load.go();
  const { p99Us, requests, unmeasured, failures } = (await load.outcome()) as OpenLoopOutcome;
  const cpuUs = (cpuMs([pid]) - cpu) * 1000;
  return { memory, p99: p99Us / 1000, cpu: cpuUs / (requests + unmeasured), errors: failures };
}

function peers(tunnels: number): Workload {
  return {
    id: `peers-${tunnels}`,
    title: `${tunnels} ${tunnels === 1 ? 'peer' : 'peers'} of a sidecar`,
    description: `${CONNECTIONS} connections over ${tunnels} ${tunnels === 1 ? 'tunnel' : 'tunnels'} to the callee's sidecar, as instances of one service make them, idle after a request each; then ${REQUESTS_PER_SECOND.toLocaleString('en')} small requests a second on them, in turn.`,
    pair: 'own',
    kinds: ['ours', 'multiplexing'],
    inRuns: ['full'],
    metrics: metrics("the callee's sidecar"),
    async measure(context) {
      const { pair } = context;
      const [pid = 0] = pair.pids.slice(-1);
      const to = { ...pair.to, port: pair.ports.tls };
      const tunnelling = { tunnels, authority: AUTHORITY, ...(await pair.client()) };
      return await measureProcess(context, pid, { to, tunnels: tunnelling });
    },
  };
}

function services(count: number): Workload {
  const many = count.toLocaleString('en');
  return {
    id: `services-${count}`,
    title: `${many} ${count === 1 ? 'service' : 'services'} that a sidecar calls`,
    description: `The caller's sidecar has a port for each of ${many} ${count === 1 ? 'service' : 'services'} and is told of an endpoint of each; ${CONNECTIONS} connections to one of them, idle after a request each, then ${REQUESTS_PER_SECOND.toLocaleString('en')} small requests a second on them, in turn.`,
    pair: 'own',
    hauberk: { services: count },
    kinds: ['ours'],
    inRuns: ['full'],
    metrics: metrics("the caller's sidecar"),
    async measure(context) {
      const { pair } = context;
      const [pid = 0] = pair.pids;
      return await measureProcess(context, pid, { to: pair.to });
    },
  };
}

/** What a sidecar takes more of with its peers, and with the services that it calls. */
export const GROWTH: readonly Workload[] = [
  ...[1, 10, 100].map(peers),
  ...[1, 10, 100, 1_000].map(services),
];
