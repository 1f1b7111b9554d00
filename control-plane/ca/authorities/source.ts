import { Listeners } from '../../../common/listeners.ts';
import type { Operation, Store } from '../../store/store.ts';
import {
  CA_KEYS,
  openAuthorities,
  readAuthorities,
  type Authorities,
  type AuthorityPair,
} from './authorities.ts';
import { CaError } from '../ca-error.ts';
import { encodeRetired } from './stored-rotation.ts';

/** What the source needs. */
export interface AuthoritySourceOptions {
  readonly store: Store;
  readonly trustDomain: string;
  readonly nowMs: number;
  /** What to begin with at the first start, instead of a new root. */
  readonly first?: AuthorityPair | undefined;
}

/** No component holds a root or an issuer; it holds this and asks. */
export interface AuthoritySource {
  current(): Authorities;
  /** Reads what the store holds, which another control plane may have changed. */
  reload(): Promise<Authorities>;
  /**
   * Writes on top of what the store holds, even with concurrent writers, and takes it into use before it
   * resolves. `plan` may be asked several times, and returns no operations when nothing is to be
   * done; what it throws is thrown.
   *
   * @param through the store as the leader writes it, for what is done once
   * @throws CaError `authority-busy`; StoreError
   */
  change(
    plan: (authorities: Authorities) => readonly Operation[],
    through?: Pick<Store, 'transact'>,
  ): Promise<Authorities>;
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/** Each try means that another control plane on the same store wrote in between. */
const MAX_TRIES = 8;

/**
 * Opens root and issuer in the store; makes them at the first start.
 *
 * @throws CaError `trust-domain-changed`, `authority-corrupt`; StoreError
 */
export async function openAuthoritySource(
  options: AuthoritySourceOptions,
): Promise<AuthoritySource> {
  const { store } = options;
  let authorities = await openAuthorities(options);
  const listeners = new Listeners();
  const reload = async (): Promise<Authorities> => {
    const before = authorities;
    const read = await readAuthorities(store);
    // Two may read at once, and the one that asked first may be answered last.
    if (authorities === before || read.revision > authorities.revision) authorities = read;
    if (authorities.revision !== before.revision) listeners.tell();
    return authorities;
  };
  return {
    current: () => authorities,
    reload,
    async change(plan, through = store) {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const operations = plan(authorities);
        if (operations.length === 0) return authorities;
        const { succeeded } = await through.transact(authorities.unchanged, operations);
        await reload();
        if (succeeded) return authorities;
      }
      throw new CaError('authority-busy', 'root and issuer keep being changed by other writers', {
        hint: 'try again',
      });
    },
    onChange: listeners.add,
  };
}

/** The changes that forget retired roots whose time is over. */
export function pruneRetired({ retired }: Authorities, nowMs: number): Operation[] {
  const kept = retired.filter(({ untilMs }) => untilMs > nowMs);
  if (kept.length === retired.length) return [];
  return [{ kind: 'put', key: CA_KEYS.retired, value: encodeRetired(kept) }];
}
