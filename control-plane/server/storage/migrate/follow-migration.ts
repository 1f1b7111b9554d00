import type { Closeable } from '../../../../common/lifecycle.ts';
import type { StoreError } from '../../../store/store-error.ts';
import { MIGRATION_KEY, type Store } from '../../../store/store.ts';
import { decodeMigration, movedError } from './migration-record.ts';

/**
 * Calls back when the store is being moved, until it is closed. Who moves it sees to it that no control plane runs: one to
 * which this happens was away for so long that it counted as ended, as it was paused, or did not reach the store.
 *
 * @throws StoreError `moved` when it is being moved already
 */
export async function followMigration(
  store: Store,
  onMoved: (why: StoreError) => void,
): Promise<Closeable> {
  const { entries, revision } = await store.range(MIGRATION_KEY);
  const record = decodeMigration(entries.find(({ key }) => key === MIGRATION_KEY));
  if (record !== undefined) throw movedError(record);
  return store.watch(MIGRATION_KEY, revision + 1, ({ events }) => {
    for (const event of events) {
      const moved = event.kind === 'put' ? decodeMigration(event.entry) : undefined;
      if (moved !== undefined) onMoved(movedError(moved));
    }
  });
}
