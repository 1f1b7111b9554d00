import type { DatabaseSync } from 'node:sqlite';
import { ChangeLog, type ChangeLogLimits } from './change-log.ts';
import { EntriesTable } from './entries-table.ts';

/** A lease as it is stored. */
export interface StoredLease {
  readonly id: string;
  readonly ttlMs: number;
}

/** The leases that were granted and have not ended. Throws SQLite's own errors. */
class LeasesTable {
  readonly #all;
  readonly #has;
  readonly #insert;
  readonly #delete;

  constructor(database: DatabaseSync) {
    this.#all = database.prepare('SELECT id, ttl_ms FROM leases');
    this.#has = database.prepare('SELECT 1 FROM leases WHERE id = ?');
    this.#insert = database.prepare('INSERT INTO leases (id, ttl_ms) VALUES (?, ?)');
    this.#delete = database.prepare('DELETE FROM leases WHERE id = ?');
  }

  all(): readonly StoredLease[] {
    return this.#all.all().map((row) => ({ id: String(row['id']), ttlMs: Number(row['ttl_ms']) }));
  }

  has(id: string): boolean {
    return this.#has.get(id) !== undefined;
  }

  insert({ id, ttlMs }: StoredLease): void {
    this.#insert.run(id, ttlMs);
  }

  delete(id: string): void {
    this.#delete.run(id);
  }
}

/** The row of `state`. */
export interface StoreState {
  /** The revision of the last change. */
  readonly revision: number;
  /** The last revision that the change log no longer holds; 0 when it holds all. */
  readonly compactedRevision: number;
}

/** All tables of the open database, behind prepared statements. They throw SQLite's own errors. */
export interface Tables {
  readonly entries: EntriesTable;
  readonly leases: LeasesTable;
  readonly changes: ChangeLog;
  readState(): StoreState;
  writeState(state: StoreState): void;
}

/** Prepares the statements; the database must have the current schema. */
export function openTables(database: DatabaseSync, limits: ChangeLogLimits): Tables {
  const read = database.prepare('SELECT revision, compacted_revision FROM state');
  const write = database.prepare('UPDATE state SET revision = ?, compacted_revision = ?');
  return {
    entries: new EntriesTable(database),
    leases: new LeasesTable(database),
    changes: new ChangeLog(database, limits),
    readState() {
      const row = read.get();
      return {
        revision: Number(row?.['revision']),
        compactedRevision: Number(row?.['compacted_revision']),
      };
    },
    writeState({ revision, compactedRevision }) {
      write.run(revision, compactedRevision);
    },
  };
}
