import { hkdfSync, randomBytes, scrypt, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { UnlockKey } from '../../common/config/unlock-key.ts';
import { recordCodec } from '../store/record-codec.ts';
import {
  SECRET_PREFIX,
  VAULT_KEY,
  type Entry,
  type Operation,
  type Store,
} from '../store/store.ts';
import { KeysError } from './keys-error.ts';
import { seal, unseal } from './seal.ts';

/**
 * Where the key is kept that everything secret is sealed with, wrapped by what unlocks it:
 *
 *     passphrase ──scrypt──┐
 *                          ├──> wrapping key ──AES-256-GCM──> data key ──AES-256-GCM──> keys of the mesh
 *     key file ────HKDF────┘
 */
export const vaultRecord = z.object({
  format: z.literal(1),
  kind: z.enum(['passphrase', 'key']),
  salt: z.string(),
  wrapped: z.string(),
});

/** How to come to the data key. */
export type VaultRecord = Readonly<z.infer<typeof vaultRecord>>;

const vaults = recordCodec('what the keys are locked with', vaultRecord);

/** A vault that is open. */
export interface OpenVault {
  readonly dataKey: Buffer;
  /** Of the vault in the store: another one means another data key. */
  readonly modRevision: number;
}

type PutOperation = Extract<Operation, { kind: 'put' }>;

const KEY_BYTES = 32;
const SALT_BYTES = 32;

/** RFC 7914; about 128 MiB and a third of a second for each guess. */
const SCRYPT: ScryptOptions = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };

const scryptAsync = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/**
 * Finds the data key. A store that is not encrypted yet is encrypted now, in one transaction, when there
 * is something to lock it with.
 *
 * @param mustSeal the store remembers what was in it, so that a key must not get there unencrypted
 * @returns undefined when the keys are not encrypted
 * @throws KeysError `keys-locked`, `unlock-key-wrong`, `unlock-key-missing`; StoreError
 */
export async function openVault(
  store: Store,
  unlockKey: UnlockKey | undefined,
  { mustSeal = false } = {},
): Promise<OpenVault | undefined> {
  const entry = await store.get(VAULT_KEY);
  if (entry === undefined) {
    if (unlockKey !== undefined) return sealFirst(store, unlockKey);
    if (mustSeal) throw unlockKeyMissing();
    return undefined;
  }
  if (unlockKey === undefined) {
    throw new KeysError('keys-locked', 'the private keys of the mesh are encrypted and locked', {
      hint: 'run `hauberk ca unlock`, or start with --unlock-key-file',
    });
  }
  const dataKey = await unwrapDataKey(vaults.decode(entry), unlockKey);
  return { dataKey, modRevision: entry.modRevision };
}

/** Nothing is there to encrypt the keys with, and they must not be there unencrypted. */
export function unlockKeyMissing(): KeysError {
  const sentence =
    'a store in etcd holds the private keys of the mesh encrypted only, and nothing is given to encrypt them with';
  const hint =
    'give --unlock-key-file or HAUBERK_UNLOCK_PASSPHRASE, the same to every control plane';
  return new KeysError('unlock-key-missing', sentence, { hint });
}

/** Another control plane may begin the same store at this moment, with the same key or not. */
async function sealFirst(store: Store, unlockKey: UnlockKey): Promise<OpenVault | undefined> {
  try {
    return await sealEverything(store, undefined, unlockKey);
  } catch (error) {
    if ((await store.get(VAULT_KEY)) === undefined) throw error;
    return openVault(store, unlockKey);
  }
}

/** The vault of a store; undefined when its keys are not encrypted. @throws StoreError */
export async function readVault(store: Pick<Store, 'get'>): Promise<VaultRecord | undefined> {
  const entry = await store.get(VAULT_KEY);
  return entry === undefined ? undefined : vaults.decode(entry);
}

/** Comes to the data key. Throws KeysError `unlock-key-wrong`. */
export async function unwrapDataKey(
  { salt, wrapped, kind }: VaultRecord,
  unlockKey: UnlockKey,
): Promise<Buffer> {
  try {
    const wrapping = await wrappingKey(unlockKey, Buffer.from(salt, 'base64'));
    return unseal(wrapping, VAULT_KEY, Buffer.from(wrapped, 'base64'));
  } catch (cause) {
    const other = kind === unlockKey.kind ? '' : `; they were locked with a ${WORDS[kind]}`;
    throw new KeysError(
      'unlock-key-wrong',
      `this ${WORDS[unlockKey.kind]} does not unlock the keys of the mesh${other}`,
      { cause },
    );
  }
}

const WORDS = { passphrase: 'passphrase', key: 'key file' } as const;

/**
 * Seals everything again, with a new data key, for another way to unlock it: a holder of an old copy and
 * knew how to open it learns nothing about what is sealed from now on.
 *
 * @param vault what everything is sealed with now; undefined: nothing is, and there is no vault
 * @throws KeysError, also when something changed meanwhile; StoreError
 */
export async function sealEverything(
  store: Store,
  vault: OpenVault | undefined,
  unlockKey: UnlockKey,
): Promise<OpenVault> {
  const { entries } = await store.range(SECRET_PREFIX);
  const { dataKey, operations } = await sealAll(entries, vault?.dataKey, unlockKey);
  const { succeeded, revision } = await store.transact(
    [
      // The one that was opened: that of a control plane which was faster must not be replaced, nor its key lost.
      { key: VAULT_KEY, modRevision: vault?.modRevision ?? 0 },
      ...entries.map(({ key, modRevision }) => ({ key, modRevision })),
    ],
    operations,
  );
  if (!succeeded) throw new KeysError('keys-damaged', 'the keys changed while they were encrypted');
  return { dataKey, modRevision: revision };
}

/**
 * Seals entries with a new data key.
 *
 * @param presentKey what they are sealed with; undefined when they are not
 * @returns the changes that write them, and the vault
 */
export async function sealAll(
  entries: readonly Pick<Entry, 'key' | 'value'>[],
  presentKey: Buffer | undefined,
  unlockKey: UnlockKey,
): Promise<{ readonly dataKey: Buffer; readonly operations: readonly PutOperation[] }> {
  const nextKey = randomBytes(KEY_BYTES);
  const salt = randomBytes(SALT_BYTES);
  const wrapped = seal(await wrappingKey(unlockKey, salt), VAULT_KEY, nextKey);
  const record: VaultRecord = {
    format: 1,
    kind: unlockKey.kind,
    salt: salt.toString('base64'),
    wrapped: wrapped.toString('base64'),
  };
  const operations = entries.map(({ key, value }): PutOperation => {
    const plain = presentKey === undefined ? value : unseal(presentKey, key, value);
    return { kind: 'put', key, value: seal(nextKey, key, plain) };
  });
  operations.push({ kind: 'put', key: VAULT_KEY, value: vaults.encode(record) });
  return { dataKey: nextKey, operations };
}

function wrappingKey(unlockKey: UnlockKey, salt: Buffer): Promise<Buffer> {
  if (unlockKey.kind === 'passphrase') {
    return scryptAsync(unlockKey.passphrase.normalize('NFKC'), salt, KEY_BYTES, SCRYPT);
  }
  const derived = hkdfSync('sha256', unlockKey.key, salt, 'hauberk vault', KEY_BYTES);
  return Promise.resolve(Buffer.from(derived));
}
