import { isDeepStrictEqual } from 'node:util';
import type { UnlockKey } from '../../../../common/config/unlock-key.ts';
import { sealedStore } from '../../../keys/sealed-store.ts';
import { readVault, sealAll, unlockKeyMissing, unwrapDataKey } from '../../../keys/vault.ts';
import { StoreError } from '../../../store/store-error.ts';
import { SECRET_PREFIX, type Store } from '../../../store/store.ts';
import { readEntries, type CopiedEntry } from '../copy-store.ts';

/** What a migration writes, and how it is looked at afterwards. */
export interface Plan {
  /** What the target is to have. */
  readonly entries: readonly CopiedEntry[];
  /** Where the unlock key is known: what the target must show to who has it. */
  readonly secrets: { readonly unlockKey: UnlockKey; readonly plain: Plain } | undefined;
  /** Secrets were not encrypted in the source. */
  readonly sealed: boolean;
  /** Of the source, when it was read. */
  readonly revision: number;
}

type Plain = readonly (readonly [key: string, value: string])[];

/**
 * Plans the copy: everything as it is. Secrets that are encrypted stay so, with the same key; others are encrypted
 * with the unlock key, where there is one.
 *
 * @param mustSeal the target must not have them otherwise
 * @throws KeysError `unlock-key-missing`, `unlock-key-wrong`; StoreError
 */
export async function planCopy(
  source: Store,
  unlockKey: UnlockKey | undefined,
  mustSeal: boolean,
): Promise<Plan> {
  const { entries, revision } = await readEntries(source);
  const vault = await readVault(source);
  if (vault !== undefined && unlockKey !== undefined) {
    const open = sealedStore(source, await unwrapDataKey(vault, unlockKey));
    const secrets = { unlockKey, plain: await plainOf(open) };
    return { entries, secrets, sealed: false, revision };
  }
  if (vault !== undefined) return { entries, secrets: undefined, sealed: false, revision };
  if (unlockKey === undefined) {
    if (mustSeal) throw unlockKeyMissing();
    return { entries, secrets: undefined, sealed: false, revision };
  }
  const isSecret = ({ key }: CopiedEntry): boolean => key.startsWith(SECRET_PREFIX);
  const { operations } = await sealAll(entries.filter(isSecret), undefined, unlockKey);
  const others = entries.filter((entry) => !isSecret(entry));
  const secrets = { unlockKey, plain: await plainOf(source) };
  return { entries: [...operations, ...others], secrets, sealed: true, revision };
}

/** Reads the target, and compares everything. @throws StoreError `corrupt`, KeysError */
export async function compareCopy(target: Store, { entries, secrets }: Plan): Promise<void> {
  const written = new Map(entries.map((entry) => [entry.key, entry]));
  const found = await readEntries(target);
  for (const { key, value, lease } of found.entries) {
    const entry = written.get(key);
    const isSame =
      entry?.value.equals(value) === true && (entry.lease === undefined) === (lease === undefined);
    if (!isSame) throw different(key);
    written.delete(key);
  }
  const [missing] = written.keys();
  if (missing !== undefined) throw different(missing);
  const vault = await readVault(target);
  if (secrets === undefined || vault === undefined) return;
  const open = sealedStore(target, await unwrapDataKey(vault, secrets.unlockKey));
  if (!isDeepStrictEqual(await plainOf(open), secrets.plain)) throw different(SECRET_PREFIX);
}

async function plainOf(store: Store): Promise<Plain> {
  const { entries } = await store.range(SECRET_PREFIX);
  return entries.map(({ key, value }) => [key, value.toString('base64')] as const);
}

function different(key: string): StoreError {
  return new StoreError('corrupt', `the target differs from the source at ${key}`, {
    hint: 'run it again; the source is unchanged, and no control plane starts on this target',
  });
}
