import type { ServiceEdge } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { EdgeTraffic, ReasonCount } from '../../../proto/gen/hauberk/v1/traffic.ts';
import { quantile } from './durations.ts';
import { addTraffic } from './edge-sums.ts';

/** An edge with what its two ends have counted; an end whose sidecars do not report has nothing. */
export interface Edge {
  /** SPIFFE IDs; of an end that is none, what its peer calls it: an address, `unknown`, `tls://HOST:PORT`. */
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly plaintext: boolean;
  /** By the sidecars of the caller. */
  readonly caller: EdgeTraffic | undefined;
  /** By those of the called. */
  readonly called: EdgeTraffic | undefined;
  /** Connections since the sidecars started. */
  readonly connectionsTotal: number;
}

/** Puts the two ends of each edge together. */
export function pairEdges(edges: readonly ServiceEdge[]): Edge[] {
  const pairs = new Map<string, Edge>();
  for (const { spiffeId, traffic, connectionsTotal } of edges) {
    if (traffic === undefined) continue;
    const { inbound, peer, port, plaintext } = traffic;
    const [from, to] = inbound ? [peer, spiffeId] : [spiffeId, peer];
    const key = `${from} ${to} ${port} ${plaintext}`;
    const known = pairs.get(key);
    const end = inbound ? 'called' : 'caller';
    const before = known?.[end];
    pairs.set(key, {
      ...(known ?? { from, to, port, plaintext, caller: undefined, called: undefined }),
      [end]: before === undefined ? traffic : addTraffic(before, traffic),
      connectionsTotal: Math.max(known?.connectionsTotal ?? 0, connectionsTotal),
    });
  }
  return [...pairs.values()];
}

/** What a person wants to know of an edge. */
export interface EdgeFigures {
  readonly connectionsPerSecond: number;
  readonly connectionsOpen: number;
  readonly requestsPerSecond: number;
  /** Of requests and connections, those that did not succeed; by why. */
  readonly failures: readonly ReasonCount[];
  readonly failuresPerSecond: number;
  /** From 0 to 1; undefined while nothing has passed. */
  readonly successShare: number | undefined;
  /** Of requests, in seconds; Infinity beyond the longest that is told apart. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
  /** The caller's bytes, and those that it got. */
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
}

/**
 * The figures of an edge over so many seconds. The caller's side counts, which sees what never arrives; requests are
 * of the side that has seen some.
 */
export function figuresOf(
  { caller, called }: Pick<Edge, 'caller' | 'called'>,
  seconds: number,
): EdgeFigures {
  const one = caller ?? called;
  const withRequests = (caller?.requests.length ?? 0) > 0 ? caller : (called ?? caller);
  const requests = withRequests?.requests ?? [];
  const failures = mergeReasons([
    ...(one?.connectionsFailed ?? []),
    ...(one?.connectionsBroken ?? []),
    ...(called?.requestsDenied ?? []),
    ...requests.flatMap(({ status, count }) =>
      hasSucceeded(status) ? [] : [{ reason: status, count }],
    ),
  ]);
  const requestCount = sumOf(requests);
  const connections = one?.connectionsOpened ?? 0;
  const failed = sumOf(failures);
  const tried = requestCount > 0 ? requestCount : connections;
  const failedToConnect = sumOf(one?.connectionsFailed ?? []);
  const all = tried + failedToConnect;
  const per = (count: number): number => (seconds > 0 ? count / seconds : 0);
  const durations = withRequests?.requestDurations;
  const at = (share: number): number | undefined => durations && quantile(durations, share);
  const isCaller = caller !== undefined;
  return {
    connectionsPerSecond: per(connections),
    connectionsOpen: one?.connectionsOpen ?? 0,
    requestsPerSecond: per(requestCount),
    failures,
    failuresPerSecond: per(failed),
    successShare: all === 0 ? undefined : Math.max(0, 1 - failed / all),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    sentPerSecond: per((isCaller ? caller.bytesSent : called?.bytesReceived) ?? 0),
    receivedPerSecond: per((isCaller ? caller.bytesReceived : called?.bytesSent) ?? 0),
  };
}

/** An answer that the client is to blame for is none of the service's failures. */
const SUCCEEDED: ReadonlySet<string> = new Set(['1xx', '2xx', '3xx', '4xx', 'OK']);

function hasSucceeded(status: string): boolean {
  return SUCCEEDED.has(status);
}

function mergeReasons(reasons: readonly ReasonCount[]): ReasonCount[] {
  const counts = new Map<string, number>();
  for (const { reason, count } of reasons) counts.set(reason, (counts.get(reason) ?? 0) + count);
  const merged = [...counts].map(([reason, count]) => ({ reason, count }));
  return merged.sort((a, b) => b.count - a.count);
}

function sumOf(counts: readonly { readonly count: number }[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}
