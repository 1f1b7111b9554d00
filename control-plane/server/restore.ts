import { readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Clock, EpochMs } from '../../common/clock.ts';
import { storedDate } from '../../common/dates.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import type { UnlockKey } from '../../common/config/unlock-key.ts';
import { systemReason } from '../../common/errors.ts';
import { MAX_LEAF_LIFETIME_MS } from '../../common/pki/lifetimes.ts';
import { decodeBackup } from '../keys/backup-file.ts';
import { decodeRevocation, REVOKED_PREFIX } from '../revocation/revocation-record.ts';
import { recordCodec } from '../store/record-codec.ts';
import { requireNoStore, restoreSnapshot } from '../store/sqlite/snapshot.ts';
import { openSqliteStore } from '../store/sqlite/sqlite-store.ts';
import { writeInBatches, type Operation, type Store } from '../store/store.ts';
import { decodeToken, encodeToken, TOKEN_PREFIX, tokenState } from '../tokens/token.ts';

/** What to restore, and where. */
export interface RestoreOptions {
  readonly file: string;
  readonly dataDir: string;
  readonly unlockKey: UnlockKey | undefined;
  /** Join tokens that were valid when the backup was made stay valid, used since or not. */
  readonly keepTokens: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What was restored, and what is not known any more. */
export interface Restored {
  /** When the backup was made, in milliseconds since the epoch: nothing later is in it. */
  readonly backupMs: number;
  readonly restoredMs: EpochMs;
  /** Join tokens that were good when it was made; revoked now, unless they were kept. */
  readonly tokens: number;
  /** Revocations that were in force when it was made. */
  readonly revocations: number;
}

/** When the store was restored, and from when. */
const RESTORED_FROM_KEY = 'restored-from';
const restoredFrom = recordCodec(
  'from when the store was restored',
  z.object({ backupMs: z.number(), restoredMs: storedDate }),
);

/**
 * Writes a backup into a data directory that holds no store. The store is there whole, or not at all.
 *
 * What happened after the backup is not in it: a token may have been used up, or revoked. So all tokens
 * are revoked, unless they are to be kept.
 *
 * @throws ConfigError `file-unreadable`; KeysError, StoreError
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { file, dataDir, unlockKey, keepTokens, clock, logger } = options;
  const bytes = await readFile(file).catch((cause: unknown) => {
    const sentence = `the backup ${file} cannot be read: ${systemReason(cause)}`;
    throw new ConfigError('file-unreadable', sentence, { cause });
  });
  const { snapshot, createdMs: backupMs } = await decodeBackup(bytes, unlockKey);
  const restoredMs = clock.epochMs();
  const target = path.join(dataDir, 'hauberk.db');
  requireNoStore(target);
  const unfinished = path.join(dataDir, '.restoring.db');
  await rm(unfinished, { force: true });
  await restoreSnapshot(unfinished, snapshot, restoredMs);
  try {
    await using parts = new AsyncDisposableStack();
    const opened = await openSqliteStore({ path: unfinished, clock, logger });
    const store = parts.adopt(opened, (one) => one.close());
    const found = await prepare(store, { backupMs, restoredMs, keepTokens });
    await parts.disposeAsync();
    requireNoStore(target);
    await rename(unfinished, target);
    return { backupMs, restoredMs, ...found };
  } finally {
    for (const end of ['', '-wal', '-shm']) await rm(unfinished + end, { force: true });
  }
}

async function prepare(
  store: Store,
  {
    backupMs,
    restoredMs,
    keepTokens,
  }: { backupMs: number; restoredMs: EpochMs; keepTokens: boolean },
): Promise<Pick<Restored, 'tokens' | 'revocations'>> {
  const tokens = (await store.range(TOKEN_PREFIX)).entries
    .map(decodeToken)
    .filter((token) => tokenState(token, restoredMs) === 'active');
  const revoked = tokens.map((token): Operation => ({
    kind: 'put',
    key: TOKEN_PREFIX + token.id,
    value: encodeToken({ ...token, revokedMs: restoredMs }),
  }));
  await writeInBatches(store, keepTokens ? [] : revoked);
  const value = restoredFrom.encode({ backupMs, restoredMs });
  await store.transact([], [{ kind: 'put', key: RESTORED_FROM_KEY, value }]);
  const revocations = (await store.range(REVOKED_PREFIX)).entries
    .map(decodeRevocation)
    .filter(({ expiresMs, readmittedMs }) => readmittedMs === undefined || expiresMs > restoredMs);
  return { tokens: tokens.length, revocations: revocations.length };
}

/** What an operator has to know about a restore, in sentences. */
export function restoreNotes(restored: Restored, keepTokens: boolean): readonly string[] {
  const { backupMs, restoredMs, tokens, revocations } = restored;
  const lastExpiry = new Date(restoredMs + MAX_LEAF_LIFETIME_MS).toISOString();
  const since = new Date(backupMs).toISOString();
  const ofTokens = keepTokens
    ? `${tokens} join tokens are valid as they were at the backup, also those that were used or revoked since`
    : `${tokens} join tokens that were valid at the backup are revoked, as they may have been used since (--keep-tokens keeps them); make new ones with hauberk token create`;
  return [
    `the backup has nothing after ${since}; sidecars keep the revocations that they know`,
    ofTokens,
    `${revocations} revocations of the backup are in force; what was revoked since is valid until it is revoked again with hauberk revoke`,
    `certificates issued since are in no log: each that renews is logged (renewal-not-in-log), and the last one expires by ${lastExpiry}`,
  ];
}

/** Says at a start that something is missing, for as long as a certificate may be about that is in no log. */
export async function warnOfRestore(
  store: Store,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const entry = await store.get(RESTORED_FROM_KEY);
  if (entry === undefined) return;
  const { backupMs, restoredMs } = restoredFrom.decode(entry);
  if (clock.epochMs() > restoredMs + MAX_LEAF_LIFETIME_MS) return;
  const [from, until] = [backupMs, restoredMs].map((ms) => new Date(ms).toISOString());
  logger.warn(
    { event: 'restored-from-backup', backupMs, restoredMs },
    `what was issued, used or revoked from ${from} until ${until} is missing after a restore: revoke again what was revoked then`,
  );
}
