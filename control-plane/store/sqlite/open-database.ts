import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { lockDatabase, LOCK_TIMEOUT_MS } from '../../../common/files/directory-lock.ts';
import { prepareDatabaseFile } from './database-file.ts';
import { assertOurs, migrate } from './schema.ts';
import { corruptError, toStoreError } from './sqlite-error.ts';

/** A WAL file that a burst blew up is cut back to this. */
const WAL_KEEP_BYTES = 4 * 1024 * 1024;

/**
 * A renewal reads the entry of the certificate before, and writes at the end of its identity's: for a thousand
 * identities those pages are some 12 MiB. What is not in the cache is read from the file each time.
 */
const CACHE_KIB = 16 * 1024;

/**
 * Opens the file, creating it if it is missing, locks it for this process alone, checks that it is
 * sound and brings it to the current schema.
 *
 * The lock is SQLite's own exclusive lock on the file (fcntl), held until close: the kernel frees
 * it however the process ends.
 *
 * @param maxBytes the file grows to about this and is then full; by default as long as the disk has space
 * @throws {StoreError} `locked`, `corrupt`, `incompatible`, `full` or `unavailable`
 */
export function openDatabase(path: string, maxBytes?: number): DatabaseSync {
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
    database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
    database.exec(`PRAGMA journal_size_limit = ${WAL_KEEP_BYTES}`);
    // A private key that was replaced must not live on in the file's free pages.
    database.exec('PRAGMA secure_delete = ON');
    if (maxBytes !== undefined) {
      const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.['page_size']);
      database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
    }
    // Better not to start than to issue certificates from half of the state.
    const finding = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (finding !== 'ok') throw corruptError(path, String(finding));
    migrate(database);
    return database;
  } catch (error) {
    if (database?.isOpen) database.close();
    throw toStoreError(error, path);
  }
}
