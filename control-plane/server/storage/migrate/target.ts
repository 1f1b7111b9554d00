import { existsSync, linkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { syncDirectory } from '../../../../common/files/atomic-file.ts';
import { systemErrorCode } from '../../../../common/errors.ts';
import type { Closeable } from '../../../../common/lifecycle.ts';
import type { StoreLocation } from '../../../config/store-location.ts';
import { requireNoStore, thereAlready } from '../../../store/sqlite/snapshot.ts';
import { openSqliteStore } from '../../../store/sqlite/sqlite-store.ts';
import { toStoreError } from '../../../store/sqlite/sqlite-error.ts';
import { StoreError } from '../../../store/store-error.ts';
import {
  MIGRATION_KEY,
  type Operation,
  type Store,
  type TransactionResult,
} from '../../../store/store.ts';
import { inBatches, unchanged } from '../copy-store.ts';
import { decodeMigration, movedError, putMigration } from './migration-record.ts';
import { nameOfPlace, openEtcdPlace, requireNoControlPlane, type PlaceOptions } from './place.ts';

/** A store that a migration writes: no control plane can use it before it is complete. */
export interface Target extends Closeable {
  readonly store: Store;
  /** Writes in one transaction. @throws StoreError `locked` when another migration has begun in between */
  write(operations: readonly Operation[]): Promise<void>;
  /** What was written is where it stays: what is read from now on is read from there. @throws StoreError `full` */
  settle(): Promise<void>;
  /** From now on it is in use. @throws StoreError */
  complete(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a target that is empty: what a migration has left there that did not end is deleted.
 *
 * @param source its name
 * @param revisionOffset what the revisions begin after: later than what was told of the source
 * @throws StoreError `locked` when it holds anything else, or is in use; `moved` when a migration of another source has
 *   not ended; `unavailable`, `denied`, …
 */
export function openTarget(
  location: StoreLocation,
  source: string,
  revisionOffset: number,
  options: PlaceOptions,
): Promise<Target> {
  return location.kind === 'sqlite'
    ? openFile(location.path, revisionOffset, options)
    : openInEtcd(location, source, revisionOffset, options);
}

/** Written beside its place, and put there whole. */
async function openFile(
  path: string,
  revisionOffset: number,
  { clock, logger }: PlaceOptions,
): Promise<Target> {
  requireNoStore(path);
  const unfinished = `${path}.migrating`;
  const remove = async (): Promise<void> => {
    for (const end of ['', '-wal', '-shm']) await rm(unfinished + end, { force: true });
  };
  const open = () => openSqliteStore({ path: unfinished, clock, logger, revisionOffset });
  /** SQLite says nothing when there is no room to bring what it has written from its log into the file. */
  const closeWhole = async (): Promise<void> => {
    await store.close();
    if (!existsSync(`${unfinished}-wal`)) return;
    throw new StoreError('full', `${unfinished} could not be written to its end`, {
      hint: 'make room on its file system, twice as much as the store has, and run it again',
    });
  };
  let store = await open();
  const found = await store.range('', { limit: 1 });
  if (found.entries.length > 0 || found.revision !== revisionOffset) {
    // The lock has shown that no process writes it any more.
    await store.close();
    await remove();
    store = await open();
  }
  return {
    get store() {
      return store;
    },
    async write(operations) {
      await store.transact([], operations);
    },
    async settle() {
      await closeWhole();
      store = await open();
    },
    async complete() {
      await closeWhole();
      try {
        // Unlike a rename, it replaces nothing.
        linkSync(unfinished, path);
        await syncDirectory(dirname(resolve(path)));
      } catch (cause) {
        throw systemErrorCode(cause) === 'EEXIST' ? thereAlready(path) : toStoreError(cause, path);
      }
    },
    async close() {
      await store.close();
      await remove();
    },
  };
}

async function openInEtcd(
  location: Extract<StoreLocation, { kind: 'etcd' }>,
  source: string,
  revisionOffset: number,
  options: PlaceOptions,
): Promise<Target> {
  const name = nameOfPlace(location, options.etcd);
  const { storePrefix } = options.etcd;
  await using parts = new AsyncDisposableStack();
  const opened = await openEtcdPlace(location, options, { revisionOffset });
  const store = parts.adopt(opened, (one) => one.close());
  await requireNoControlPlane(store, name);
  const { entries, revision } = await store.range('');
  const entry = entries.find(({ key }) => key === MIGRATION_KEY);
  const found = decodeMigration(entry);
  const isUnfinished = found?.state === 'arriving';
  // Its source may have been given up: nothing but this has its state where it can be used then.
  if (isUnfinished && found.other !== source) throw movedError(found);
  if ((entries.length > 0 && !isUnfinished) || revision < revisionOffset) {
    throw new StoreError('locked', `${name} holds data already`, {
      hint: `choose another --store-prefix; or, if it is not needed any more, delete it with \`etcdctl del --prefix ${storePrefix}\``,
    });
  }
  const arriving = putMigration({ state: 'arriving', other: source });
  const begun = await store.transact([unchanged(MIGRATION_KEY, entry)], [arriving]);
  const fence = { key: MIGRATION_KEY, modRevision: begun.revision };
  const fenced = async (result: Promise<TransactionResult>): Promise<void> => {
    if ((await result).succeeded) return;
    throw new StoreError('locked', `another migration into ${name} has begun`, {
      hint: 'let one of them end',
    });
  };
  const write = (operations: readonly Operation[]): Promise<void> =>
    fenced(store.transact([fence], operations));
  await fenced(Promise.resolve(begun));
  const old = entries.filter(({ key }) => key !== MIGRATION_KEY);
  const deletes = old.map(({ key }): Operation => ({ kind: 'delete', key }));
  for (const batch of inBatches(deletes)) await write(batch);
  const owned = parts.move();
  return {
    store,
    write,
    settle: () => Promise.resolve(),
    complete: () => write([{ kind: 'delete', key: MIGRATION_KEY }]),
    close: () => owned.disposeAsync(),
  };
}
