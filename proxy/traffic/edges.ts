import type { PlaintextFlow } from '../../proto/gen/hauberk/v1/discovery.ts';
import type {
  Durations,
  EdgeTraffic,
  ReasonCount,
  RequestCount,
} from '../../proto/gen/hauberk/v1/traffic.ts';
import { noTraffic } from '../../common/wire/traffic/edge-sums.ts';
import { closedCount, type ConnectionEnd, type PeerTraffic } from '../metrics/peers.ts';
import type { RequestCounters } from '../metrics/requests/request-counters.ts';

/** What was counted since the start, as edges of the workload. Those at which nothing was are left out. */
export function edgesOf(
  rows: Iterable<PeerTraffic>,
  flows: Iterable<PlaintextFlow>,
): EdgeTraffic[] {
  const edges: EdgeTraffic[] = [];
  for (const row of rows) if (hasTraffic(row)) edges.push(toEdge(row));
  for (const { inbound, address: peer, port, connections } of flows) {
    const name = { inbound, peer, port, plaintext: true };
    edges.push({ ...noTraffic(name), connectionsOpened: connections });
  }
  return edges;
}

function hasTraffic({ opened, failed, requests, requestsDenied }: PeerTraffic): boolean {
  return opened > 0 || failed.size > 0 || requestsDenied.size > 0 || requests !== undefined;
}

function toEdge(row: PeerTraffic): EdgeTraffic {
  const { direction, peer, port, counters, opened, requests } = row;
  return {
    inbound: direction === 'inbound',
    peer,
    port,
    plaintext: false,
    connectionsOpened: opened,
    connectionsOpen: Math.max(0, opened - closedCount(row)),
    connectionsFailed: reasonsOf(row.failed),
    connectionsBroken: reasonsOf(row.closed).filter(({ reason }) => !IN_ORDER.has(reason)),
    bytesSent: counters.bytesFromApp,
    bytesReceived: counters.bytesToApp,
    requests: requests === undefined ? [] : countsOf(requests),
    requestsDenied: reasonsOf(row.requestsDenied),
    requestDurations: requests && durationsOf(requests),
  };
}

/** An end that is none: `untouched` goes on in another tunnel. */
const IN_ORDER: ReadonlySet<string> = new Set<ConnectionEnd>(['complete', 'untouched']);

function reasonsOf(counts: ReadonlyMap<string, number>): ReasonCount[] {
  return [...counts].map(([reason, count]) => ({ reason, count }));
}

/** Without their methods, which metrics tell apart. */
function countsOf({ counts }: RequestCounters): RequestCount[] {
  const sums = new Map<string, { protocol: string; status: string; count: number }>();
  for (const { protocol, status, count } of counts) {
    const key = `${protocol} ${status}`;
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, { protocol, status, count });
    else sum.count += count;
  }
  return [...sums.values()];
}

/** A copy, as the counters go on. */
function durationsOf({ seconds: { bounds, counts, sum } }: RequestCounters): Durations {
  return { bounds, counts: [...counts], sum };
}
