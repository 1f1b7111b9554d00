import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { serviceOf } from '../../../common/wire/traffic/tap-filter.ts';
import type { ServiceEdge, WatchTrafficResponse } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { ServiceName } from '../../../proto/gen/hauberk/v1/identity.ts';
import type { Durations, EdgeTraffic } from '../../../proto/gen/hauberk/v1/traffic.ts';
import type { EdgeEnd, EdgeFigures, FiguresAnswer } from '../answers/figures.ts';

/** What passed in an interval, as the picture shows it: each edge once, although the sidecars at both ends count it. */
export function toFigures(response: WatchTrafficResponse): FiguresAnswer {
  const { fromMs, toMs, edges, truncated, sidecars, reporting, unreached } = response;
  const seconds = Math.max((toMs - fromMs) / 1_000, 0.001);
  const byKey = new Map<string, { edge: ServiceEdge; figures: EdgeFigures }>();
  for (const edge of edges) {
    if (edge.traffic === undefined) continue;
    const figures = figuresOf(edge.spiffeId, edge.traffic, seconds);
    const { from, to, port, plaintext } = figures;
    // A caller's end has plaintext for an address, and the called one has it for another.
    const key = `${from.name} ${to.name} ${port} ${plaintext}`;
    const known = byKey.get(key);
    byKey.set(key, { edge, figures: known ? either(known.figures, figures) : figures });
  }
  return {
    nowMs: toMs,
    edges: Array.from(byKey.values(), ({ figures }) => figures).sort(byNames),
    truncated,
    sidecars,
    reporting,
    unreached: unreached.map(({ id, why }) => `The sidecars of ${id} are missing here: ${why}`),
  };
}

function byNames(a: EdgeFigures, b: EdgeFigures): number {
  const [one, other] = [a, b].map(({ from, to, port }) => `${from.name} ${to.name} ${port}`);
  return (one ?? '') < (other ?? '') ? -1 : 1;
}

/**
 * Both ends of one edge. What the caller could not send, the called side has never seen; what the called side refuses,
 * the caller sees as a failure: the larger number is the whole of it, and no sum counts anything twice.
 */
function either(one: EdgeFigures, other: EdgeFigures): EdgeFigures {
  const larger = (number: (of: EdgeFigures) => number): number =>
    Math.max(number(one), number(other));
  const reasons = new Map<string, number>();
  for (const { reason, perSecond } of [...one.reasons, ...other.reasons]) {
    reasons.set(reason, Math.max(reasons.get(reason) ?? 0, perSecond));
  }
  const timed = (one.p99Ms ?? -1) >= (other.p99Ms ?? -1) ? one : other;
  return {
    ...one,
    connectionsOpen: larger(({ connectionsOpen }) => connectionsOpen),
    connectionsPerSecond: larger(({ connectionsPerSecond }) => connectionsPerSecond),
    requestsPerSecond: larger(({ requestsPerSecond }) => requestsPerSecond),
    failuresPerSecond: larger(({ failuresPerSecond }) => failuresPerSecond),
    bytesPerSecond: larger(({ bytesPerSecond }) => bytesPerSecond),
    p50Ms: timed.p50Ms,
    p99Ms: timed.p99Ms,
    reasons: Array.from(reasons, ([reason, perSecond]) => ({ reason, perSecond })),
  };
}

function figuresOf(spiffeId: string, traffic: EdgeTraffic, seconds: number): EdgeFigures {
  const { inbound, peer, port, plaintext, connectionsOpen, requests } = traffic;
  const { trustDomain, namespace, service } = parseSpiffeId(spiffeId);
  const own: EdgeEnd = { name: `${namespace}/${service}`, kind: 'service' };
  const other = toEnd(peer, trustDomain);
  const failedRequests = requests.filter(({ status }) => isFailure(status));
  const reasons = [
    ...traffic.connectionsFailed,
    ...traffic.connectionsBroken,
    ...traffic.requestsDenied,
    ...failedRequests.map(({ status, count }) => ({ reason: status, count })),
  ].filter(({ count }) => count > 0);
  const total = (counts: readonly { readonly count: number }[]): number =>
    counts.reduce((sum, { count }) => sum + count, 0) / seconds;
  return {
    from: inbound ? other : own,
    to: inbound ? own : other,
    port,
    plaintext,
    connectionsOpen,
    connectionsPerSecond: traffic.connectionsOpened / seconds,
    requestsPerSecond: total(requests),
    failuresPerSecond: total(reasons),
    bytesPerSecond: (traffic.bytesSent + traffic.bytesReceived) / seconds,
    p50Ms: quantileMs(traffic.requestDurations, 0.5),
    p99Ms: quantileMs(traffic.requestDurations, 0.99),
    reasons: reasons.map(({ reason, count }) => ({ reason, perSecond: count / seconds })),
  };
}

/** What a client may be to blame for, as 404, is no failure of the mesh or of the service. */
function isFailure(status: string): boolean {
  if (/^\dxx$/.test(status)) return status === '5xx';
  return status !== 'OK' && status !== 'NOT_FOUND' && status !== 'CANCELLED';
}

/**
 * `NAMESPACE/SERVICE` for a workload of this mesh; anything else is outside. A workload of another trust domain keeps
 * its SPIFFE ID, since it is another one than that of the same name here.
 */
function toEnd(peer: string, trustDomain: string): EdgeEnd {
  const service = serviceHere(peer, trustDomain);
  if (service !== undefined) {
    return { name: `${service.namespace}/${service.service}`, kind: 'service' };
  }
  return { name: peer.replace(/^tls:\/\//, ''), kind: 'outside' };
}

/** The service that a peer is; undefined for what is none of this trust domain. */
export function serviceHere(peer: string, trustDomain: string): ServiceName | undefined {
  return peer.startsWith(`spiffe://${trustDomain}/`) ? serviceOf(peer) : undefined;
}

/** Within a bucket durations are taken to lie evenly, as PromQL's `histogram_quantile` does. */
function quantileMs(durations: Durations | undefined, quantile: number): number | undefined {
  const { bounds = [], counts = [] } = durations ?? {};
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const rank = quantile * total;
  let below = 0;
  for (const [at, count] of counts.entries()) {
    if (below + count < rank || count === 0) {
      below += count;
      continue;
    }
    const upper = bounds[at];
    const lower = at === 0 ? 0 : (bounds[at - 1] ?? 0);
    if (upper === undefined) return lower * 1_000;
    return (lower + (upper - lower) * ((rank - below) / count)) * 1_000;
  }
  return undefined;
}
