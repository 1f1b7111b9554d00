import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../store-error.ts';

/** "HBRK": tells our files from those of other programs (PRAGMA application_id). */
const APPLICATION_ID = 0x4842_524b;

/**
 * The schema, as the steps that led to it: step n brings a file from version n to n + 1 (PRAGMA
 * user_version). A step that was released is never edited; a change is a new step at the end.
 *
 *     state    one row: the revision counter, and up to where the change log was cut
 *     entries  the keys as they are now
 *     leases   id and time to live; deadlines live in memory (see lease-timers.ts)
 *     changes  the change log that watches replay; value is NULL for a delete, and for what is secret
 *
 * Tables with values keep their rowid: without one, SQLite puts values above 1 kB on a page of their
 * own each.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    compacted_revision INTEGER NOT NULL
  ) STRICT;
  INSERT INTO state (id, revision, compacted_revision) VALUES (1, 0, 0);

  CREATE TABLE entries (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL,
    create_revision INTEGER NOT NULL,
    mod_revision INTEGER NOT NULL,
    lease TEXT
  ) STRICT;
  CREATE INDEX entries_by_lease ON entries (lease) WHERE lease IS NOT NULL;

  CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    ttl_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB,
    create_revision INTEGER,
    lease TEXT
  ) STRICT;
  CREATE INDEX changes_by_revision ON changes (revision);
  `,
  // Private keys that were replaced stood here until so many changes later; see `isSecret`.
  `DELETE FROM changes WHERE key >= 'ca/' AND key < 'ca0';`,
];

function readPragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/**
 * Looks, without changing anything, whether this Hauberk can use the database.
 *
 * @throws {StoreError} `incompatible` when a newer Hauberk, or another program, wrote it
 */
export function assertOurs(database: DatabaseSync, path: string): void {
  const isEmpty = database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
  if (!isEmpty && readPragma(database, 'application_id') !== APPLICATION_ID) {
    throw new StoreError('incompatible', `${path} is a SQLite database of another program`, {
      hint: 'choose another data directory',
    });
  }
  const version = readPragma(database, 'user_version');
  if (version > MIGRATIONS.length) {
    const sentence = `the store ${path} has schema version ${version}, but this Hauberk knows versions up to ${MIGRATIONS.length}`;
    const hint = 'run the newer Hauberk that wrote it, or restore a backup from before the upgrade';
    throw new StoreError('incompatible', sentence, { hint });
  }
}

/**
 * Brings the database to the current schema, in one transaction: after a crash it is at the old
 * version or at the new one.
 */
export function migrate(database: DatabaseSync, migrations = MIGRATIONS): void {
  const version = readPragma(database, 'user_version');
  if (version === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of migrations.slice(version)) database.exec(step);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
