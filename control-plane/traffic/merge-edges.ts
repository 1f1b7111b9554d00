import { addTraffic, boundedCount, noTraffic } from '../../common/wire/traffic/edge-sums.ts';
import type { ServiceEdge, WatchTrafficResponse } from '../../proto/gen/hauberk/v1/admin.ts';
import { serviceEdgeKey } from './edge-table.ts';

/** What one control plane has told since it was looked at last. */
export class ToldEdges {
  #edges = new Map<string, ServiceEdge>();
  #newest: WatchTrafficResponse | undefined;

  /** Figures add up; how the edges stand is what was told last. */
  add(told: WatchTrafficResponse): void {
    const before = this.#edges;
    this.#edges = new Map();
    for (const edge of told.edges) {
      if (edge.traffic === undefined) continue;
      const key = serviceEdgeKey(edge.spiffeId, edge.traffic);
      const counted = before.get(key)?.traffic;
      const { connectionsOpen } = edge.traffic;
      const traffic = counted === undefined ? edge.traffic : addTraffic(edge.traffic, counted);
      this.#edges.set(key, { ...edge, traffic: { ...traffic, connectionsOpen } });
    }
    this.#newest = told;
  }

  /** All of it; what passes from now on is counted from nothing. Undefined before anything was told. */
  take(): WatchTrafficResponse | undefined {
    if (this.#newest === undefined) return undefined;
    const taken = { ...this.#newest, edges: [...this.#edges.values()] };
    for (const [key, edge] of this.#edges) {
      const { traffic } = edge;
      if (traffic === undefined) continue;
      const { connectionsOpen } = traffic;
      this.#edges.set(key, { ...edge, traffic: { ...noTraffic(traffic), connectionsOpen } });
    }
    return taken;
  }
}

/** What several control planes have told, as if it was one; the times are those of the first. */
export function mergeTold(
  first: WatchTrafficResponse,
  others: readonly WatchTrafficResponse[],
): WatchTrafficResponse {
  if (others.length === 0) return first;
  const all = [first, ...others];
  const edges = new Map<string, ServiceEdge>();
  for (const edge of all.flatMap((told) => told.edges)) {
    if (edge.traffic === undefined) continue;
    const key = serviceEdgeKey(edge.spiffeId, edge.traffic);
    const known = edges.get(key);
    edges.set(key, known === undefined ? edge : addEdges(known, edge));
  }
  const sum = (of: (told: WatchTrafficResponse) => number): number =>
    all.reduce((total, told) => total + of(told), 0);
  const cuts = all.flatMap(({ historyCutMs }) =>
    historyCutMs === undefined ? [] : [historyCutMs],
  );
  return {
    ...first,
    edges: [...edges.values()],
    historyCutMs: cuts.length === 0 ? undefined : Math.max(...cuts),
    truncated: all.some(({ truncated }) => truncated),
    sidecars: sum(({ sidecars }) => sidecars),
    reporting: sum(({ reporting }) => reporting),
  };
}

function addEdges(a: ServiceEdge, b: ServiceEdge): ServiceEdge {
  return {
    spiffeId: a.spiffeId,
    instances: a.instances + b.instances,
    traffic: a.traffic && b.traffic ? addTraffic(a.traffic, b.traffic) : (a.traffic ?? b.traffic),
    connectionsTotal: boundedCount(a.connectionsTotal + b.connectionsTotal),
  };
}
