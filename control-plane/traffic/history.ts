import type { Clock, EpochMs } from '../../common/clock.ts';
import type { ServiceEdge, WatchTrafficResponse } from '../../proto/gen/hauberk/v1/admin.ts';
import type { EdgeTraffic } from '../../proto/gen/hauberk/v1/traffic.ts';
import { rowsOf } from '../../common/wire/traffic/edge-sums.ts';
import { EdgeSums, type EdgeLevels } from './edge-table.ts';

/** How long one entry of the history is. */
const SLOT_MS = 10_000;

/** What is remembered: longer history is Prometheus's. */
export const HISTORY_MS = 60 * 60 * 1000;

/**
 * Ends of edges in all slots together, with their reasons and statuses: some 60 MB. A mesh of a hundred busy edges keeps
 * its whole hour.
 */
export const MAX_REMEMBERED = 240_000;

interface Slot {
  readonly fromMs: EpochMs;
  readonly edges: readonly ServiceEdge[];
  /** What it takes to remember them. */
  readonly rows: number;
}

/**
 * The last hour of what was watched, in slots of ten seconds that begin at whole tens of seconds, so that those of
 * several control planes fit together. What was not watched is not in it.
 */
export class TrafficHistory {
  readonly #clock: Pick<Clock, 'epochMs'>;
  readonly #levels: EdgeLevels;
  readonly #maxRemembered: number;
  #slots: Slot[] = [];
  #remembered = 0;
  #current: { readonly fromMs: EpochMs; readonly sums: EdgeSums } | undefined;
  #cutMs: EpochMs | undefined;

  constructor(
    clock: Pick<Clock, 'epochMs'>,
    levels: EdgeLevels,
    { maxRemembered = MAX_REMEMBERED }: { readonly maxRemembered?: number } = {},
  ) {
    this.#clock = clock;
    this.#levels = levels;
    this.#maxRemembered = maxRemembered;
  }

  /** What is older was forgotten before its hour was over; undefined when nothing was. */
  get cutMs(): EpochMs | undefined {
    const oldest = this.#slots[0]?.fromMs;
    return this.#cutMs === undefined || oldest === undefined ? undefined : oldest;
  }

  /** Something has passed just now. */
  add(spiffeId: string, traffic: EdgeTraffic): void {
    const fromMs = slotOf(this.#clock.epochMs());
    if (this.#current?.fromMs !== fromMs) this.#turn(fromMs);
    this.#current?.sums.add(spiffeId, traffic);
  }

  /** The slots of the last so many seconds, the oldest first. */
  *since(seconds: number, isWanted: (spiffeId: string) => boolean): Iterable<HistorySlot> {
    const nowMs = this.#clock.epochMs();
    if (this.#current !== undefined && this.#current.fromMs < slotOf(nowMs))
      this.#turn(slotOf(nowMs));
    const fromMs = nowMs - Math.min(seconds * 1000, HISTORY_MS);
    for (const slot of this.#slots) {
      if (slot.fromMs + SLOT_MS <= fromMs || slot.fromMs > nowMs) continue;
      const edges = slot.edges.filter(({ spiffeId }) => isWanted(spiffeId));
      if (edges.length > 0) yield { fromMs: slot.fromMs, toMs: slot.fromMs + SLOT_MS, edges };
    }
  }

  /** Ends the slot that is being filled, and forgets what is too old or too much. */
  #turn(nextMs: EpochMs): void {
    const ended = this.#current;
    this.#current = { fromMs: nextMs, sums: new EdgeSums() };
    if (ended !== undefined && ended.sums.size > 0) {
      const edges = [...this.#levels.busy(ended.sums)];
      const rows = edges.reduce((sum, { traffic }) => sum + (traffic ? rowsOf(traffic) : 0), 0);
      this.#slots.push({ fromMs: ended.fromMs, edges, rows });
      this.#remembered += rows;
    }
    // A clock that was set back leaves slots of the future: they are as good as old.
    const isKept = ({ fromMs }: Slot): boolean => fromMs > nextMs - HISTORY_MS && fromMs <= nextMs;
    if (this.#slots.some((slot) => !isKept(slot))) {
      this.#slots = this.#slots.filter(isKept);
      this.#remembered = this.#slots.reduce((sum, { rows }) => sum + rows, 0);
    }
    while (this.#remembered > this.#maxRemembered && this.#slots.length > 1) {
      const oldest = this.#slots.shift();
      this.#remembered -= oldest?.rows ?? 0;
      this.#cutMs = oldest?.fromMs;
    }
    if (this.#cutMs !== undefined && this.#cutMs <= nextMs - HISTORY_MS) this.#cutMs = undefined;
  }
}

/** Ten seconds of the past. */
export type HistorySlot = Pick<WatchTrafficResponse, 'fromMs' | 'toMs' | 'edges'>;

function slotOf(nowMs: EpochMs): EpochMs {
  return (nowMs - (nowMs % SLOT_MS)) as EpochMs;
}
