import path from 'node:path';
import { probeDirectory } from '../../../common/files/atomic-file.ts';
import { makeDirectory } from '../../../common/files/make-directory.ts';
import { openSqliteStore } from '../../store/sqlite/sqlite-store.ts';
import { VAULT_KEY, type SnapshotStore } from '../../store/store.ts';
import { refuseEtcdSettings } from './etcd-access.ts';
import { openEtcd } from './open-etcd.ts';
import { requireNoMigration } from './migrate/migration-record.ts';
import type { Storage, StorageOptions, StorageSettings } from './storage.ts';

/**
 * Opens the store that the settings name: by default the file in the data directory.
 *
 * @param shared instead of it, for several control planes of one process; it stays open
 * @throws ConfigError; StoreError, also `moved`
 */
export async function openStorage(
  settings: StorageSettings,
  options: StorageOptions,
  shared?: SnapshotStore,
): Promise<Storage> {
  const storage = await openAny(settings, options, shared);
  try {
    await requireNoMigration(storage.store);
    return storage;
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function openAny(
  settings: StorageSettings,
  { clock, logger }: StorageOptions,
  shared?: SnapshotStore,
): Promise<Storage> {
  const { dataDir, store: location } = settings;
  // The credential of the operator is there, wherever the store is; a store in it makes it, and says what prevents that.
  if (shared !== undefined || location?.kind === 'etcd') makeDirectory(dataDir, 0o700);
  if (location?.kind === 'etcd') return openEtcd(settings, location, { clock, logger });
  refuseEtcdSettings(settings);
  const file = location?.path ?? path.join(dataDir, 'hauberk.db');
  const store = shared ?? (await openSqliteStore({ path: file, clock, logger }));
  return {
    store,
    exclusive: shared === undefined,
    history: undefined,
    probe: async () =>
      shared === undefined ? probeDirectory(path.dirname(file)) : void (await store.get(VAULT_KEY)),
    snapshot: () => store.snapshot(),
    close: () => (shared === undefined ? store.close() : undefined),
  };
}
