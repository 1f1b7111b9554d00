import { chmodSync, closeSync, fsyncSync, openSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { systemErrorCode } from '../../../common/errors.ts';
import { makeDirectory } from '../../../common/files/make-directory.ts';

/** Only the control plane's user: the store holds what every identity of the mesh rests on. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/**
 * Makes sure that the file exists (empty when it is new) with mode 0600, in a directory that is
 * created with mode 0700 if it is missing. SQLite gives the `-wal` file beside it the same mode.
 *
 * @throws the file system's error
 */
export function prepareDatabaseFile(path: string): void {
  const directory = dirname(resolve(path));
  const firstCreated = makeDirectory(directory, DIRECTORY_MODE);
  if (firstCreated !== undefined) syncDirectories(directory, dirname(firstCreated));
  if (createFile(path)) return;
  narrowMode(path);
  narrowMode(`${path}-wal`);
}

/**
 * Never opens a file that exists: closing any descriptor of it would release the lock that a
 * store in this process holds on it (POSIX locks belong to the process, not to the descriptor).
 */
function createFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', FILE_MODE));
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function narrowMode(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() && (stats.mode & 0o077) !== 0) chmodSync(path, FILE_MODE);
}

/** A new directory survives a power loss only when its parent was synced; SQLite does it for its own. */
function syncDirectories(from: string, upTo: string): void {
  for (let directory = from; directory.length >= upTo.length; directory = dirname(directory)) {
    const descriptor = openSync(directory, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (directory === upTo) break;
  }
}
