import type { DatabaseSync } from 'node:sqlite';
import { ChangeLog, type ChangeLogLimits } from './change-log.ts';
import { EntriesTable } from './entries-table.ts';
import { LeasesTable } from './leases-table.ts';

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
