import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { lockDatabase, LOCK_TIMEOUT_MS } from '../../../common/directory-lock.ts';
import { prepareDatabaseFile } from './database-file.ts';
import { assertOurs, migrate } from './schema.ts';
import { corruptError, toStoreError } from './sqlite-error.ts';

/** A WAL file that a burst blew up is cut back to this. */
const WAL_KEEP_BYTES = 4 * 1024 * 1024;

/** How the file may grow. */
export interface OpenDatabaseOptions {
  /** The file grows to about this and is then full; default: as long as the disk has space. */
  readonly maxBytes?: number | undefined;
}

/**
 * Opens the file, creating it if it is missing, locks it for this process alone, checks that it is
 * sound and brings it to the current schema.
 *
 * The lock is SQLite's own exclusive lock on the file (fcntl), held until close: the kernel frees
 * it however the process ends.
 *
 * @throws {StoreError} `locked`, `corrupt`, `incompatible`, `full` or `unavailable`
 */
export function openDatabase(path: string, { maxBytes }: OpenDatabaseOptions = {}): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    prepareDatabaseFile(path);
    // Absolute: to SQLite `:memory:` and `file:...` are no paths.
    database = new DatabaseSync(resolve(path), { timeout: LOCK_TIMEOUT_MS });
    lockDatabase(database);
    assertOurs(database, path);
    database.exec('PRAGMA journal_mode = WAL');
    // Syncs the WAL at every commit: what was answered survives a power loss.
    database.exec('PRAGMA synchronous = FULL');
    database.exec(`PRAGMA journal_size_limit = ${WAL_KEEP_BYTES}`);
    // A private key that was replaced must not live on in the file's free pages.
    database.exec('PRAGMA secure_delete = ON');
    if (maxBytes !== undefined) limitSize(database, maxBytes);
    assertSound(database, path);
    migrate(database);
    return database;
  } catch (error) {
    if (database?.isOpen) database.close();
    throw toStoreError(error, path);
  }
}

/** Better not to start than to issue certificates from half of the state. */
function assertSound(database: DatabaseSync, path: string): void {
  const finding = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  if (finding !== 'ok') throw corruptError(path, String(finding));
}

function limitSize(database: DatabaseSync, maxBytes: number): void {
  const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);
  database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
}
