import type { UnlockKey } from '../../../common/config/unlock-key.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { sealedStore } from '../../keys/sealed-store.ts';
import { fencedByVault, followVault } from '../../keys/vault-fence.ts';
import { openVault } from '../../keys/vault.ts';
import type { Store } from '../../store/store.ts';
import type { Storage } from './storage.ts';

/** A store whose secrets can be read and written. */
export interface UnlockedStore extends Closeable {
  readonly store: Store;
  /** What they are encrypted with; undefined when they are not. */
  readonly dataKey: Buffer | undefined;
}

/**
 * Unlocks the store.
 *
 * @param onRekeyed called when another control plane has encrypted the secrets with another key
 * @throws KeysError, StoreError
 */
export async function unlockStore(
  { store, exclusive, history }: Storage,
  unlockKey: UnlockKey | undefined,
  onRekeyed: () => void,
): Promise<UnlockedStore> {
  const vault = await openVault(store, unlockKey, { mustSeal: history !== undefined });
  if (vault === undefined) return { store, dataKey: undefined, close: () => undefined };
  const { dataKey, modRevision } = vault;
  const following = exclusive ? undefined : await followVault(store, modRevision, onRekeyed);
  return {
    store: sealedStore(fencedByVault(store, modRevision), dataKey),
    dataKey,
    close: () => following?.close(),
  };
}
