import { randomUUID } from 'node:crypto';
import { openSync, writeSync, fsyncSync, closeSync, existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemErrorCode } from '../../../common/errors.ts';
import { makeDirectory } from '../../../common/files/make-directory.ts';
import { StoreError } from '../store-error.ts';
import { RESTORED_KEY } from '../store.ts';
import { assertOurs } from './schema.ts';
import { corruptError, toStoreError } from './sqlite-error.ts';

/**
 * Versions that were told before a restore must not come again for something else: a sidecar that
 * has one would go on from there, in another history. So many changes cannot be made after a backup.
 */
const REVISION_LEAP = 1_000_000_000;

/** Everything as of the last commit, as one file of SQLite. Takes some milliseconds for each MB. */
export async function snapshotOf(database: DatabaseSync, databasePath: string): Promise<Buffer> {
  // Beside the database: this folder is for its user alone, and on a disk that has room for it.
  const path = join(dirname(resolve(databasePath)), `.snapshot-${randomUUID()}`);
  try {
    database.prepare('VACUUM INTO ?').run(path);
    return await readFile(path);
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * Writes a snapshot to where no store is, ready to be opened.
 *
 * @throws StoreError `locked` when there is a store already, `corrupt`, `incompatible`, `unavailable`
 */
export async function restoreSnapshot(
  path: string,
  snapshot: Buffer,
  nowMs: number,
): Promise<void> {
  try {
    makeDirectory(dirname(resolve(path)), 0o700);
    const descriptor = openSync(path, 'wx', 0o600);
    try {
      writeSync(descriptor, snapshot);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (cause) {
    if (systemErrorCode(cause) === 'EEXIST') throw thereAlready(path);
    throw toStoreError(cause, path);
  }
  try {
    beginNewHistory(path, nowMs);
  } catch (error) {
    await rm(path, { force: true });
    throw toStoreError(error, path);
  }
}

/** Throws StoreError `locked` when there is a store. */
export function requireNoStore(path: string): void {
  if (existsSync(path)) throw thereAlready(path);
}

/** The error for a store where none must be. */
export function thereAlready(path: string): StoreError {
  return new StoreError('locked', `there is a store already: ${path}`, {
    hint: 'name a place where none is, such as an empty data directory',
  });
}

function beginNewHistory(path: string, nowMs: number): void {
  const database = new DatabaseSync(resolve(path));
  try {
    assertOurs(database, path);
    const finding = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
    if (finding !== 'ok') throw corruptError(path, String(finding));
    database.exec('BEGIN IMMEDIATE');
    database.exec('DELETE FROM changes');
    database
      .prepare('UPDATE state SET revision = revision + ?, compacted_revision = revision + ?')
      .run(REVISION_LEAP, REVISION_LEAP);
    const revision = Number(database.prepare('SELECT revision FROM state').get()?.['revision']);
    database
      .prepare(
        `INSERT INTO entries (key, value, create_revision, mod_revision) VALUES (?, ?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, mod_revision = excluded.mod_revision`,
      )
      .run(RESTORED_KEY, Buffer.from(String(nowMs)), revision, revision);
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}
