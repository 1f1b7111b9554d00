import { existsSync } from 'node:fs';
import { ConfigError } from '../../../../common/config/config-error.ts';
import type { Closeable } from '../../../../common/lifecycle.ts';
import { repeat } from '../../../../common/repeat.ts';
import type { StoreLocation } from '../../../config/store-location.ts';
import { openSqliteStore } from '../../../store/sqlite/sqlite-store.ts';
import { StoreError } from '../../../store/store-error.ts';
import { MIGRATION_KEY, type Compare, type Store } from '../../../store/store.ts';
import { unchanged } from '../copy-store.ts';
import { decodeMigration, movedError, putMigration } from './migration-record.ts';
import { nameOfPlace, openEtcdPlace, requireNoControlPlane, type PlaceOptions } from './place.ts';

/** After so long without the process that moves it, a source can be used again. */
const HOLD_TTL_MS = 30_000;

/** A store that is being moved elsewhere: no control plane starts on it until this is closed. */
export interface Source extends Closeable {
  readonly store: Store;
  /** No control plane starts on it any more. @throws StoreError `moved` when it was not held all the time */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the source of a migration, and holds it: a file by its lock, a store in etcd by a record under a lease.
 *
 * @param target its name. A store that was moved there is opened again, for a migration that has not ended
 * @throws ConfigError `file-unreadable` when there is no such file; StoreError `locked`, `moved`, `unavailable`, …
 */
export async function openSource(
  location: StoreLocation,
  target: string,
  options: PlaceOptions,
): Promise<Source> {
  const { clock, logger, etcd } = options;
  await using parts = new AsyncDisposableStack();
  const opened =
    location.kind === 'sqlite'
      ? await openSqliteStore({ path: existing(location.path), clock, logger })
      : await openEtcdPlace(location, options, { mustExist: true });
  const store: Store = parts.adopt(opened, (one) => one.close());
  const entry = await store.get(MIGRATION_KEY);
  const record = decodeMigration(entry);
  const isAgain = record?.state === 'left' && record.other === target;
  if (record !== undefined && !isAgain) throw movedError(record);
  let condition = unchanged(MIGRATION_KEY, entry);
  if (location.kind === 'etcd' && !isAgain) {
    const name = nameOfPlace(location, etcd);
    const held = parts.adopt(await hold(store, condition, target), (one) => one.close());
    ({ condition } = held);
    const keeping = repeat(clock, HOLD_TTL_MS / 3, held.keep);
    parts.defer(() => keeping.close());
    // After the record: a control plane that starts announces itself first and looks for the record then.
    await requireNoControlPlane(store, name);
  }
  const owned = parts.move();
  return {
    store,
    async leave() {
      const left = putMigration({ state: 'left', other: target });
      const { succeeded } = await store.transact([condition], [left]);
      if (succeeded) return;
      throw new StoreError('moved', 'the source could not be held while it was copied', {
        hint: 'check that etcd answers, and run it again',
      });
    },
    close: () => owned.disposeAsync(),
  };
}

function existing(path: string): string {
  if (existsSync(path)) return path;
  throw new ConfigError('file-unreadable', `there is no store ${path}`, {
    hint: 'name hauberk.db in the data directory of the control plane, with --from sqlite:FILE',
  });
}

/** Writes down, under a lease, that the store is being moved. */
async function hold(
  store: Store,
  condition: Compare,
  target: string,
): Promise<{ condition: Compare; keep(): Promise<void>; close(): Promise<void> }> {
  const lease = await store.grantLease(HOLD_TTL_MS);
  const put = putMigration({ state: 'leaving', other: target }, lease);
  const { succeeded, revision } = await store.transact([condition], [put]);
  if (!succeeded) throw movedError({ state: 'leaving', other: target });
  return {
    condition: { key: MIGRATION_KEY, modRevision: revision },
    // One that was lost shows when it leaves.
    async keep() {
      try {
        await store.keepLeaseAlive(lease);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
      }
    },
    // What it has left is not on the lease any more.
    close: () => store.revokeLease(lease),
  };
}
