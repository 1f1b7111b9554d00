import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../common/clock.ts';
import { ConfigError } from '../common/config/config-error.ts';
import type { UnlockKey } from '../common/config/unlock-key.ts';
import { systemErrorCode } from '../common/errors.ts';
import { decodeBackup } from './keys/backup-file.ts';
import { restoreSnapshot } from './store/sqlite/snapshot.ts';

/** What to restore, and where. */
export interface RestoreOptions {
  readonly file: string;
  readonly dataDir: string;
  readonly unlockKey: UnlockKey | undefined;
  readonly clock: Clock;
}

/**
 * Writes a backup into a data directory that holds no store.
 *
 * @returns when the backup was made, in milliseconds since the epoch
 * @throws ConfigError `file-unreadable`; KeysError, StoreError
 */
export async function restoreBackup(options: RestoreOptions): Promise<number> {
  const { file, dataDir, unlockKey, clock } = options;
  const bytes = await readFile(file).catch((cause: unknown) => {
    const code = systemErrorCode(cause) ?? 'unknown error';
    throw new ConfigError('file-unreadable', `the backup ${file} cannot be read (${code})`, {
      cause,
    });
  });
  const { snapshot, createdMs } = await decodeBackup(bytes, unlockKey);
  await restoreSnapshot(path.join(dataDir, 'hauberk.db'), snapshot, clock.epochMs());
  return createdMs;
}
