import path from 'node:path';
import type { Logger } from 'pino';
import { probeDirectory } from '../../common/atomic-file.ts';
import type { Clock } from '../../common/clock.ts';
import { makeDirectory } from '../../common/make-directory.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { VAULT_KEY, type SnapshotStore } from '../store/store.ts';

/** A store, and how to see whether it could be written. */
export interface PlainStore {
  readonly store: SnapshotStore;
  readonly probe: () => Promise<void>;
  /** One that is shared stays open. */
  close(): void | Promise<void>;
}

/** Opens the store of a data directory, unless several control planes share another one. @throws StoreError */
export async function openPlainStore(
  dataDir: string,
  {
    clock,
    logger,
    shared,
  }: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly shared: SnapshotStore | undefined;
  },
): Promise<PlainStore> {
  if (shared !== undefined) {
    // The credential of the operator is there, wherever the store is; a store in it makes it, and says what prevents that.
    makeDirectory(dataDir, 0o700);
    const probe = async (): Promise<void> => void (await shared.get(VAULT_KEY));
    return { store: shared, probe, close: () => undefined };
  }
  const store = await openSqliteStore({ path: path.join(dataDir, 'hauberk.db'), clock, logger });
  return { store, probe: () => probeDirectory(dataDir), close: () => store.close() };
}
