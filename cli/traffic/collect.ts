import { addTraffic, edgeKey, noTraffic } from '../../common/wire/traffic/edge-sums.ts';
import type { ServiceEdge, WatchTrafficResponse } from '../../proto/gen/hauberk/v1/admin.ts';
import type { ServiceName } from '../../proto/gen/hauberk/v1/identity.ts';
import type { AdminClient } from '../admin/client.ts';

/** What was seen in a window of time. */
export interface CollectedTraffic {
  readonly edges: readonly ServiceEdge[];
  readonly seconds: number;
  /** What is said of the newest answer. */
  readonly newest: WatchTrafficResponse;
}

/** How often the control plane tells while a window is filled. */
const INTERVAL_MS = 500;

/** Sidecars answer within milliseconds; those that have not by now are too old, or stuck. */
const PATIENCE_MS = 3_000;

/**
 * Watches until every sidecar has answered, or will not, and then for so many seconds more. Undefined when the signal
 * is aborted before that.
 *
 * @throws RpcError
 */
export async function collectTraffic(
  client: Pick<AdminClient, 'watchTraffic'>,
  {
    services,
    windowSeconds,
  }: { readonly services: readonly ServiceName[]; readonly windowSeconds: number },
  signal: AbortSignal,
): Promise<CollectedTraffic | undefined> {
  const request = {
    services: [...services],
    intervalMs: INTERVAL_MS,
    historySeconds: 0,
    local: false,
  };
  let sums = new Map<string, ServiceEdge>();
  let startedMs: number | undefined;
  let fromMs: number | undefined;
  for await (const response of client.watchTraffic(request, signal)) {
    const { toMs, sidecars, reporting, edges } = response;
    startedMs ??= toMs;
    sums = addEdges(sums, edges);
    if (fromMs === undefined && (reporting >= sidecars || toMs - startedMs >= PATIENCE_MS)) {
      fromMs = toMs;
      // Those of before are not of the whole mesh.
      sums = addEdges(new Map(), edges.map(withoutFigures));
    }
    if (fromMs === undefined || toMs - fromMs < windowSeconds * 1_000) continue;
    return { edges: [...sums.values()], seconds: (toMs - fromMs) / 1_000, newest: response };
  }
  return undefined;
}

/** Figures add up; how an edge stands is what was told last. */
function addEdges(
  sums: ReadonlyMap<string, ServiceEdge>,
  edges: readonly ServiceEdge[],
): Map<string, ServiceEdge> {
  const added = new Map(sums);
  for (const edge of edges) {
    if (edge.traffic === undefined) continue;
    const key = `${edge.spiffeId} ${edgeKey(edge.traffic)}`;
    const before = added.get(key)?.traffic;
    const { connectionsOpen } = edge.traffic;
    const traffic = before === undefined ? edge.traffic : addTraffic(before, edge.traffic);
    added.set(key, { ...edge, traffic: { ...traffic, connectionsOpen } });
  }
  return added;
}

function withoutFigures(edge: ServiceEdge): ServiceEdge {
  const { traffic } = edge;
  if (traffic === undefined) return edge;
  const { inbound, peer, port, plaintext, connectionsOpen } = traffic;
  return {
    ...edge,
    traffic: { ...noTraffic({ inbound, peer, port, plaintext }), connectionsOpen },
  };
}

/** What is missing in an answer, in sentences that each end a line; empty when nothing is. */
export function missingSentences(response: WatchTrafficResponse): string {
  const { sidecars, reporting, truncated, unreached } = response;
  const silent = sidecars - reporting;
  return [
    silent > 0
      ? `${silent} of ${sidecars} sidecars do not report what passes them: they are of an older version, or do not answer; hauberk check names the versions\n`
      : '',
    truncated ? 'there are more edges than are told apart, and some are missing\n' : '',
    ...unreached.map(
      ({ id, why }) => `the sidecars of the control plane ${id} are missing: ${why}\n`,
    ),
  ].join('');
}
