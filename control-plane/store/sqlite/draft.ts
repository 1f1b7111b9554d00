import { isSecret, keyOf, type StoreEvent, type WatchBatch } from '../store.ts';
import type { Tables } from './tables.ts';

/** What a group of writes has changed so far, inside a SQLite transaction that is still open. */
export class Draft {
  readonly tables: Tables;
  readonly #batches: WatchBatch[] = [];
  #revision: number;
  #touchedSecrets = false;

  constructor(tables: Tables, revision: number) {
    this.tables = tables;
    this.#revision = revision;
  }

  /** The revision of the last change. */
  get revision(): number {
    return this.#revision;
  }

  /** Something secret was written or deleted: what it was before must not stay anywhere. */
  get touchedSecrets(): boolean {
    return this.#touchedSecrets;
  }

  /** The changes of this group, one batch for each revision. */
  get batches(): readonly WatchBatch[] {
    return this.#batches;
  }

  /**
   * Runs the change under the next revision, which all of its events share. A change without events
   * uses up no revision.
   */
  change(apply: (revision: number) => readonly StoreEvent[]): void {
    const revision = this.#revision + 1;
    const events = apply(revision);
    if (events.length === 0) return;
    this.#revision = revision;
    const told = events.map((event): StoreEvent => {
      const key = keyOf(event);
      if (!isSecret(key)) return event;
      this.#touchedSecrets = true;
      return { kind: 'secret', key, revision };
    });
    const batch = { revision, events: told };
    this.#batches.push(batch);
    this.tables.changes.append(batch);
  }
}
