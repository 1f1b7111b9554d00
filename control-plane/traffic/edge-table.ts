import { peerShare, SharedBudget } from '../../common/budget/shared-budget.ts';
import {
  addTraffic,
  boundedCount,
  boundedOpen,
  edgeKey,
  noTraffic,
  rowsOf,
} from '../../common/wire/traffic/edge-sums.ts';
import type { ServiceEdge } from '../../proto/gen/hauberk/v1/admin.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';

/** Ends of edges that are told apart: a thousand services with twenty peers each. */
const MAX_EDGES = 20_000;

/** Their reasons and statuses, some for each: 30 MB where all are as long as they may be. */
const MAX_ROWS = 200_000;

/** Edges with their reasons and statuses, of which one identity can use up no more than its share. */
export class RowBudget {
  readonly #budget: SharedBudget;

  constructor(capacity = MAX_ROWS) {
    this.#budget = new SharedBudget(capacity);
  }

  /** What an identity has becomes more or less. @returns false when there is no room, and nothing has changed */
  change(spiffeId: string, rowsBefore: number, rowsNow: number): boolean {
    const share = peerShare(spiffeId);
    for (let rows = rowsBefore; rows > rowsNow; rows -= 1) this.#budget.give(share);
    for (let rows = rowsBefore; rows < rowsNow; rows += 1) {
      if (this.#budget.take(share) === undefined) continue;
      return !this.change(spiffeId, rows, rowsBefore);
    }
    return true;
  }
}

/** One end of an edge, as a key. */
export function serviceEdgeKey(spiffeId: string, traffic: EdgeTraffic): string {
  return `${spiffeId} ${edgeKey(traffic)}`;
}

/** What was counted at each end of an edge since some moment, summed over the sidecars of a service. */
export class EdgeSums {
  readonly #sums = new Map<string, { readonly spiffeId: string; traffic: EdgeTraffic }>();
  readonly #edges = new SharedBudget(MAX_EDGES);
  readonly #rows = new RowBudget();

  get size(): number {
    return this.#sums.size;
  }

  /** @returns false when there is no room, of all or of this identity's share: it is left out */
  add(spiffeId: string, traffic: EdgeTraffic): boolean {
    const key = serviceEdgeKey(spiffeId, traffic);
    const sum = this.#sums.get(key);
    if (sum === undefined) {
      if (this.#edges.take(peerShare(spiffeId)) !== undefined) return false;
      if (this.#rows.change(spiffeId, 0, rowsOf(traffic))) {
        this.#sums.set(key, { spiffeId, traffic });
        return true;
      }
      this.#edges.give(peerShare(spiffeId));
      return false;
    }
    const together = addTraffic(sum.traffic, traffic);
    if (!this.#rows.change(spiffeId, rowsOf(sum.traffic), rowsOf(together))) return false;
    sum.traffic = together;
    return true;
  }

  get(key: string): EdgeTraffic | undefined {
    return this.#sums.get(key)?.traffic;
  }

  entries(): Iterable<
    readonly [string, { readonly spiffeId: string; readonly traffic: EdgeTraffic }]
  > {
    return this.#sums;
  }
}

/** How an edge stands: what is not a sum over time. */
export interface EdgeLevel {
  readonly spiffeId: string;
  /** Without figures. */
  readonly name: EdgeTraffic;
  instances: number;
  open: number;
  /** Connections since the sidecars started. */
  total: number;
}

/** The edges that sidecars have told of and still have. */
export class EdgeLevels {
  readonly #levels = new Map<string, EdgeLevel>();
  readonly #room = new SharedBudget(MAX_EDGES);

  /** A sidecar says something of one of its edges; `before` is what it said last. @returns false without room */
  changed(spiffeId: string, before: EdgeTraffic | undefined, now: EdgeTraffic): boolean {
    const key = serviceEdgeKey(spiffeId, now);
    const level = this.#levels.get(key) ?? this.#add(key, spiffeId, now);
    if (level === undefined) return false;
    if (before === undefined) level.instances += 1;
    level.open += now.connectionsOpen - (before?.connectionsOpen ?? 0);
    level.total += now.connectionsOpened - (before?.connectionsOpened ?? 0);
    return true;
  }

  /** A sidecar that has said this last is not asked any more. */
  left(spiffeId: string, last: EdgeTraffic): void {
    const key = serviceEdgeKey(spiffeId, last);
    const level = this.#levels.get(key);
    if (level === undefined) return;
    level.instances -= 1;
    level.open -= last.connectionsOpen;
    level.total -= last.connectionsOpened;
    if (level.instances > 0) return;
    this.#levels.delete(key);
    this.#room.give(peerShare(spiffeId));
  }

  /** Each edge with what has passed, also where that is nothing. */
  *withTraffic(sums: EdgeSums, isWanted: (spiffeId: string) => boolean): Iterable<ServiceEdge> {
    for (const [key, level] of this.#levels) {
      if (!isWanted(level.spiffeId)) continue;
      const traffic = sums.get(key) ?? level.name;
      yield toServiceEdge(level, traffic);
    }
  }

  /** Each edge at which something has passed, also of sidecars that have gone, and each that has a connection open. */
  *busy(sums: EdgeSums): Iterable<ServiceEdge> {
    for (const [key, { spiffeId, traffic }] of sums.entries()) {
      const level = this.#levels.get(key) ?? { spiffeId, instances: 0, open: 0, total: 0 };
      yield toServiceEdge(level, traffic);
    }
    for (const [key, level] of this.#levels) {
      if (level.open === 0 || sums.get(key) !== undefined) continue;
      yield toServiceEdge(level, level.name);
    }
  }

  #add(key: string, spiffeId: string, edge: EdgeTraffic): EdgeLevel | undefined {
    if (this.#room.take(peerShare(spiffeId)) !== undefined) return undefined;
    const level = { spiffeId, name: noTraffic(edge), instances: 0, open: 0, total: 0 };
    this.#levels.set(key, level);
    return level;
  }
}

function toServiceEdge(
  { spiffeId, instances, open, total }: Omit<EdgeLevel, 'name'>,
  traffic: EdgeTraffic,
): ServiceEdge {
  const level = { ...traffic, connectionsOpen: boundedOpen(open) };
  return { spiffeId, instances, traffic: level, connectionsTotal: boundedCount(total) };
}
