import type {
  Durations,
  EdgeTraffic,
  ReasonCount,
  RequestCount,
} from '../../../proto/gen/hauberk/v1/traffic.ts';
import { noDurations } from './durations.ts';

/** Which edge of a workload: the same for all figures about it. */
export type EdgeName = Pick<EdgeTraffic, 'inbound' | 'peer' | 'port' | 'plaintext'>;

/** An edge of a workload, as a key. */
export function edgeKey({ inbound, peer, port, plaintext }: EdgeName): string {
  return `${inbound ? 'in' : 'out'}${plaintext ? ' plain' : ''} ${port} ${peer}`;
}

/** An edge at which nothing was counted. */
export function noTraffic({ inbound, peer, port, plaintext }: EdgeName): EdgeTraffic {
  return {
    inbound,
    peer,
    port,
    plaintext,
    connectionsOpened: 0,
    connectionsOpen: 0,
    connectionsFailed: [],
    connectionsBroken: [],
    bytesSent: 0,
    bytesReceived: 0,
    requests: [],
    requestsDenied: [],
    requestDurations: undefined,
  };
}

/** More reasons, or statuses, than an edge has: what comes beyond is told together. */
const MAX_ROWS = 64;
const REST = 'other';

/** What is encoded as `uint32`. */
const MAX_OPEN = 2 ** 32 - 1;

/** Sums of what sidecars say: none is more than can be told on, nor less than nothing. */
export function boundedCount(count: number): number {
  return Math.min(Math.max(count, 0), Number.MAX_SAFE_INTEGER);
}

/** Of connections that are open, likewise. */
export function boundedOpen(count: number): number {
  return Math.min(Math.max(count, 0), MAX_OPEN);
}

/** How much there is to remember of an edge: itself, and each of its reasons and statuses. */
export function rowsOf(traffic: EdgeTraffic): number {
  const { connectionsFailed, connectionsBroken, requests, requestsDenied } = traffic;
  const lists = [connectionsFailed, connectionsBroken, requests, requestsDenied];
  return lists.reduce((sum, { length }) => sum + length, 1);
}

/** Both together; what they are about is that of the first. */
export function addTraffic(a: EdgeTraffic, b: EdgeTraffic): EdgeTraffic {
  return combine(a, b, 1);
}

/**
 * What was counted between two looks at the same counters. Undefined when the later one has less of anything: then
 * the counters have begun again in between.
 */
export function trafficSince(before: EdgeTraffic, now: EdgeTraffic): EdgeTraffic | undefined {
  const since = { ...combine(now, before, -1), connectionsOpen: now.connectionsOpen };
  return hasLess(since) ? undefined : since;
}

/** Whether anything was counted. */
export function isIdle(traffic: EdgeTraffic): boolean {
  return (
    traffic.connectionsOpened === 0 &&
    traffic.bytesSent === 0 &&
    traffic.bytesReceived === 0 &&
    traffic.connectionsFailed.length === 0 &&
    traffic.connectionsBroken.length === 0 &&
    traffic.requests.length === 0 &&
    traffic.requestsDenied.length === 0
  );
}

function combine(a: EdgeTraffic, b: EdgeTraffic, sign: 1 | -1): EdgeTraffic {
  return {
    inbound: a.inbound,
    peer: a.peer,
    port: a.port,
    plaintext: a.plaintext,
    connectionsOpened: combineCounts(a.connectionsOpened, b.connectionsOpened, sign),
    connectionsOpen: Math.min(a.connectionsOpen + sign * b.connectionsOpen, MAX_OPEN),
    connectionsFailed: addReasons(a.connectionsFailed, b.connectionsFailed, sign),
    connectionsBroken: addReasons(a.connectionsBroken, b.connectionsBroken, sign),
    bytesSent: combineCounts(a.bytesSent, b.bytesSent, sign),
    bytesReceived: combineCounts(a.bytesReceived, b.bytesReceived, sign),
    requests: addRequests(a.requests, b.requests, sign),
    requestsDenied: addReasons(a.requestsDenied, b.requestsDenied, sign),
    requestDurations: addDurations(a.requestDurations, b.requestDurations, sign),
  };
}

function combineCounts(a: number, b: number, sign: 1 | -1): number {
  return Math.min(a + sign * b, Number.MAX_SAFE_INTEGER);
}

/** Whether a row has to share the last one: only sums grow, and a difference has to be exact. */
function isBeyond(rows: ReadonlyMap<string, unknown>, key: string, sign: 1 | -1): boolean {
  return sign === 1 && rows.size >= MAX_ROWS && !rows.has(key);
}

function addReasons(
  a: readonly ReasonCount[],
  b: readonly ReasonCount[],
  sign: 1 | -1,
): readonly ReasonCount[] {
  if (b.length === 0) return a;
  const counts = new Map(a.map(({ reason, count }) => [reason, count]));
  for (const { reason, count } of b) {
    const key = isBeyond(counts, reason, sign) ? REST : reason;
    counts.set(key, combineCounts(counts.get(key) ?? 0, count, sign));
  }
  return [...counts].flatMap(([reason, count]) => (count === 0 ? [] : [{ reason, count }]));
}

function addRequests(
  a: readonly RequestCount[],
  b: readonly RequestCount[],
  sign: 1 | -1,
): readonly RequestCount[] {
  if (b.length === 0) return a;
  const rows = new Map(a.map((row) => [`${row.protocol} ${row.status}`, row]));
  for (const row of b) {
    const isRest = isBeyond(rows, `${row.protocol} ${row.status}`, sign);
    const { protocol, status } = isRest ? { protocol: REST, status: REST } : row;
    const key = `${protocol} ${status}`;
    const count = combineCounts(rows.get(key)?.count ?? 0, row.count, sign);
    rows.set(key, { protocol, status, count });
  }
  return [...rows.values()].filter(({ count }) => count !== 0);
}

function addDurations(
  a: Durations | undefined,
  b: Durations | undefined,
  sign: 1 | -1,
): Durations | undefined {
  if (b === undefined) return a;
  const { bounds, counts, sum } = a ?? noDurations();
  return {
    bounds,
    counts: counts.map((count, at) => combineCounts(count, b.counts[at] ?? 0, sign)),
    sum: sum + sign * b.sum,
  };
}

function hasLess(traffic: EdgeTraffic): boolean {
  const isLess = ({ count }: { readonly count: number }): boolean => count < 0;
  return (
    traffic.connectionsOpened < 0 ||
    traffic.bytesSent < 0 ||
    traffic.bytesReceived < 0 ||
    traffic.connectionsFailed.some(isLess) ||
    traffic.connectionsBroken.some(isLess) ||
    traffic.requests.some(isLess) ||
    traffic.requestsDenied.some(isLess) ||
    (traffic.requestDurations?.counts.some((count) => count < 0) ?? false)
  );
}
