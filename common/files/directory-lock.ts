import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Closeable } from '../lifecycle.ts';

/** Long enough for two processes that start at once to sort out who is first, short for a person. */
export const LOCK_TIMEOUT_MS = 250;

/** SQLITE_BUSY and SQLITE_LOCKED (https://www.sqlite.org/rescode.html). */
const BUSY: ReadonlySet<number> = new Set([5, 6]);

/** SQLITE_FULL. */
const FULL = 13;

/** A lock that is held until it is closed, or the process ends, however it does. */
export interface DirectoryLock extends Closeable {
  close(): void;
}

/**
 * Locks a database for this process alone: SQLite's own exclusive lock on the file (fcntl), which the kernel
 * frees however the process ends.
 *
 * @throws node:sqlite's error, which `isLocked` knows when another process was first
 */
export function lockDatabase(database: DatabaseSync): void {
  // Before the first read, or SQLite would share the file through an -shm file beside it.
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  // At once: two processes that both began with a reader's lock would keep each other out.
  database.exec('BEGIN EXCLUSIVE');
  database.exec('COMMIT');
}

/** Whether something failed because another process holds the lock. */
function isLocked(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && BUSY.has(error.errcode & 0xff);
}

/** Whether the disk has no room for the file. */
export function isLockWithoutRoom(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false;
  return typeof error.errcode === 'number' && (error.errcode & 0xff) === FULL;
}

/**
 * Locks a directory that there is, by an empty file in it.
 *
 * @returns undefined when another process holds the lock
 * @throws the system's error, or node:sqlite's, when there can be no such file
 */
export function lockDirectory(path: string): DirectoryLock | undefined {
  const database = new DatabaseSync(join(path, '.lock'), { timeout: LOCK_TIMEOUT_MS });
  try {
    lockDatabase(database);
    return {
      close() {
        if (database.isOpen) database.close();
      },
    };
  } catch (error) {
    database.close();
    if (isLocked(error)) return undefined;
    throw error;
  }
}
