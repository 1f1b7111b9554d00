import type { DatabaseSync } from 'node:sqlite';
import { isSecret, type StoreEvent, type WatchBatch } from '../store.ts';
import { type Row, toEntry } from './entries-table.ts';
import { keyRange } from './key-range.ts';

/** How much of the past is kept for watches. */
export interface ChangeLogLimits {
  /** Changes kept at least, unless they are too big. */
  readonly maxChanges: number;
  /** Bytes of keys and values kept at most. */
  readonly maxBytes: number;
  /** How far either limit may be passed before the log is cut: cutting costs a scan and a delete. */
  readonly slack: number;
}

/**
 * A watch needs the past only to bridge the moment between its range and its start. 10,000 changes
 * are a re-registration of 5,000 sidecars at once, twice over; 32 MiB are as many of 3 KiB each and
 * load in well under a second.
 */
export const CHANGE_LOG_LIMITS: ChangeLogLimits = {
  maxChanges: 10_000,
  maxBytes: 32 * 1024 * 1024,
  slack: 1 / 32,
};

/** How much the log holds. */
export interface ChangeLogSize {
  readonly changes: number;
  readonly bytes: number;
}

const BYTES = 'LENGTH(CAST(key AS BLOB)) + IFNULL(LENGTH(value), 0)';

/** A delete has no value, and neither has a change of a secret. */
function toEvent(row: Row): StoreEvent {
  if (row['value'] !== null) return { kind: 'put', entry: toEntry(row) };
  const [key, revision] = [String(row['key']), Number(row['mod_revision'])];
  return { kind: isSecret(key) ? 'secret' : 'delete', key, revision };
}

/**
 * The latest changes, in order. All that writes must run inside a transaction. Throws SQLite's own
 * errors.
 */
export class ChangeLog {
  readonly #limits: ChangeLogLimits;
  readonly #append;
  readonly #since;
  readonly #sizes;
  readonly #cut;
  #size: ChangeLogSize;

  constructor(database: DatabaseSync, limits: ChangeLogLimits) {
    this.#limits = limits;
    this.#append = database.prepare(
      `INSERT INTO changes (revision, key, value, create_revision, lease) VALUES (?, ?, ?, ?, ?)`,
    );
    this.#since = database.prepare(
      `SELECT key, value, create_revision, revision AS mod_revision, lease FROM changes
       WHERE revision >= ? AND key >= ? AND key < CAST(? AS TEXT) ORDER BY revision, sequence`,
    );
    this.#sizes = database.prepare(
      `SELECT revision, ${BYTES} AS bytes FROM changes ORDER BY revision, sequence`,
    );
    this.#cut = database.prepare('DELETE FROM changes WHERE revision <= ?');
    const total = `SELECT COUNT(*) AS changes, IFNULL(SUM(${BYTES}), 0) AS bytes FROM changes`;
    const row = database.prepare(total).get();
    this.#size = { changes: Number(row?.['changes']), bytes: Number(row?.['bytes']) };
  }

  /** How much the log holds; kept in memory, so put it back when a transaction was rolled back. */
  get size(): ChangeLogSize {
    return this.#size;
  }

  set size(size: ChangeLogSize) {
    this.#size = size;
  }

  append({ revision, events }: WatchBatch): void {
    for (const event of events) {
      if (event.kind !== 'put') {
        this.#append.run(revision, event.key, null, null, null);
        this.#grow(1, Buffer.byteLength(event.key));
      } else {
        const { key, value, createRevision, lease = null } = event.entry;
        this.#append.run(revision, key, value, createRevision, lease);
        this.#grow(1, Buffer.byteLength(key) + value.byteLength);
      }
    }
  }

  /** All changes under the prefix from the revision on, one batch for each revision that has some. */
  since(prefix: string, fromRevision: number): WatchBatch[] {
    const { low, high } = keyRange(prefix);
    const batches: { readonly revision: number; readonly events: StoreEvent[] }[] = [];
    for (const row of this.#since.all(fromRevision, low, high)) {
      const revision = Number(row['mod_revision']);
      const last = batches.at(-1);
      if (last?.revision === revision) last.events.push(toEvent(row));
      else batches.push({ revision, events: [toEvent(row)] });
    }
    return batches;
  }

  /**
   * Cuts the oldest revisions off when the log has grown past its limits.
   *
   * @returns the last revision that was cut off, or undefined when nothing was
   */
  compact(): number | undefined {
    const { maxChanges, maxBytes, slack } = this.#limits;
    const isOver = (factor: number): boolean =>
      this.#size.changes > maxChanges * factor || this.#size.bytes > maxBytes * factor;
    if (!isOver(1 + slack)) return undefined;
    let cutRevision: number | undefined;
    for (const row of this.#sizes.iterate()) {
      const revision = Number(row['revision']);
      // The delete takes whole revisions, or half of a transaction would be replayed: count them so.
      if (!isOver(1) && revision !== cutRevision) break;
      cutRevision = revision;
      this.#grow(-1, -Number(row['bytes']));
    }
    if (cutRevision !== undefined) this.#cut.run(cutRevision);
    return cutRevision;
  }

  #grow(changes: number, bytes: number): void {
    this.#size = { changes: this.#size.changes + changes, bytes: this.#size.bytes + bytes };
  }
}
