import type { DatabaseSync } from 'node:sqlite';
import type { WatchBatch } from '../store.ts';
import { Draft } from './draft.ts';
import type { StoreState, Tables } from './tables.ts';

/** What the queue works on. */
export interface WriteQueueOptions {
  readonly database: DatabaseSync;
  readonly tables: Tables;
  /** Called after a commit with its changes, before the writes' promises settle. */
  readonly onCommitted: (batches: readonly WatchBatch[]) => void;
}

interface PendingWrite {
  /** Runs the write inside the open transaction; returns how to settle its promise after the commit. */
  readonly run: (draft: Draft) => () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits the writes of one turn of the event loop together, in the order in which they came: one
 * sync of the disk for all of them. Each still succeeds or fails on its own: when a group fails, its
 * writes are tried again one by one.
 */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #pending: PendingWrite[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #state: StoreState;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    this.#state = options.tables.readState();
  }

  /** The state as of the last commit. */
  get state(): StoreState {
    return this.#state;
  }

  /**
   * Runs the write inside a transaction; resolves with what it returned, once that is on the disk.
   * Rejects with what the write, or SQLite, threw; then nothing of it was stored.
   */
  run<T>(write: (draft: Draft) => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const run = (draft: Draft): (() => void) => {
      const result = write(draft);
      return () => resolve(result);
    };
    this.#pending.push({ run, reject });
    // After the poll phase: what arrived on all sockets in this turn shares the commit.
    this.#scheduled ??= setImmediate(() => this.flush());
    return promise;
  }

  /** Commits what is pending, now. */
  flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const group = this.#pending;
    this.#pending = [];
    if (group.length > 0) this.#commit(group);
  }

  #commit(group: readonly PendingWrite[]): void {
    let draft: Draft;
    let settle: (() => void)[];
    try {
      [draft, settle] = this.#write(group);
    } catch (error) {
      if (group.length === 1) group[0]?.reject(error);
      else for (const write of group) this.#commit([write]);
      return;
    }
    this.#options.onCommitted(draft.batches);
    for (const resolve of settle) resolve();
  }

  #write(group: readonly PendingWrite[]): [Draft, (() => void)[]] {
    const { database, tables } = this.#options;
    const logSize = tables.changes.size;
    database.exec('BEGIN IMMEDIATE');
    try {
      const draft = new Draft(tables, this.#state.revision);
      const settle = group.map((write) => write.run(draft));
      const state = draft.batches.length === 0 ? this.#state : this.#writeState(draft);
      database.exec('COMMIT');
      this.#state = state;
      // The log that was just written has the pages as they were before and after.
      if (draft.touchedSecrets) this.#forgetWritten();
      return [draft, settle];
    } catch (error) {
      tables.changes.size = logSize;
      // A full disk has rolled back already.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }

  /** The commit is valid, whether this works or not: a full disk, say, leaves it to the next one. */
  #forgetWritten(): void {
    try {
      this.#options.database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // SQLite does it by itself when the log has grown, and at the end.
    }
  }

  #writeState({ revision, tables }: Draft): StoreState {
    const compactedRevision = tables.changes.compact() ?? this.#state.compactedRevision;
    const state = { revision, compactedRevision };
    tables.writeState(state);
    return state;
  }
}
