import type { Closeable } from '../../common/lifecycle.ts';
import { forwarded, SECRET_PREFIX, VAULT_KEY, type Store } from '../store/store.ts';
import { KeysError } from './keys-error.ts';

/**
 * The store, for a control plane that has the key of the vault as it was at this revision. Another one may encrypt
 * everything with another key: what would be written with the former one then is not, and KeysError `keys-rekeyed` is
 * thrown.
 */
export function fencedByVault(store: Store, vaultRevision: number): Store {
  const fence = { key: VAULT_KEY, modRevision: vaultRevision };
  return {
    ...forwarded(store),
    async transact(compares, operations) {
      const isSecret = operations.some(
        (operation) => operation.kind === 'put' && operation.key.startsWith(SECRET_PREFIX),
      );
      if (!isSecret) return store.transact(compares, operations);
      const result = await store.transact([...compares, fence], operations);
      if (result.succeeded) return result;
      // Which of the conditions it was is for the caller, but for this one.
      const present = await store.get(VAULT_KEY);
      if (present?.modRevision === vaultRevision) return result;
      throw rekeyed();
    },
  };
}

/**
 * Calls back when another control plane has encrypted everything with another key, until it is closed.
 *
 * @throws KeysError `keys-rekeyed` when one has already; StoreError
 */
export async function followVault(
  store: Store,
  vaultRevision: number,
  onRekeyed: () => void,
): Promise<Closeable> {
  const { entries, revision } = await store.range(VAULT_KEY);
  const present = entries.find(({ key }) => key === VAULT_KEY);
  if (present?.modRevision !== vaultRevision) throw rekeyed();
  return store.watch(VAULT_KEY, revision + 1, onRekeyed);
}

function rekeyed(): KeysError {
  const sentence = 'another control plane has encrypted the keys of the mesh with another key';
  return new KeysError('keys-rekeyed', sentence, { hint: 'run `hauberk ca unlock` with that one' });
}
