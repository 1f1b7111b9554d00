import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { UnlockKey } from '../../common/config/unlock-key.ts';
import { translating } from '../../common/errors.ts';
import { KeysError } from './keys-error.ts';
import { seal, unseal } from './seal.ts';
import { unwrapDataKey, vaultRecord, type VaultRecord } from './vault.ts';

/*
 * A backup: one line of JSON, and the snapshot of the store behind it. When the keys of the mesh are
 * encrypted, so is the snapshot, with the key that the line's vault unlocks.
 *
 *   {"hauberk":"backup","format":1,"createdMs":…,"sha256":"…","vault":{…}}\n<snapshot>
 */
const headerSchema = z.object({
  hauberk: z.literal('backup'),
  format: z.literal(1),
  createdMs: z.number(),
  /** Of what follows the line. */
  sha256: z.string(),
  vault: vaultRecord.optional(),
});

const NAME = 'backup';

/** What a snapshot is encrypted with, when it is. */
export interface BackupLock {
  readonly dataKey: Buffer;
  readonly vault: VaultRecord;
}

/** Makes the file. */
export function encodeBackup(snapshot: Buffer, createdMs: number, lock?: BackupLock): Buffer {
  const payload = lock === undefined ? snapshot : seal(lock.dataKey, NAME, snapshot);
  const header: z.infer<typeof headerSchema> = {
    hauberk: 'backup',
    format: 1,
    createdMs,
    sha256: sha256(payload),
    vault: lock?.vault,
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), payload]);
}

/**
 * Reads the file.
 *
 * @throws KeysError `keys-damaged` when it is no whole backup, `keys-locked`, `unlock-key-wrong`
 */
export async function decodeBackup(
  file: Buffer,
  unlockKey: UnlockKey | undefined,
): Promise<{ readonly snapshot: Buffer; readonly createdMs: number }> {
  const end = file.indexOf('\n');
  const line = file.subarray(0, Math.max(end, 0)).toString();
  const header = translating(() => headerSchema.parse(JSON.parse(line)), damaged);
  const payload = file.subarray(end + 1);
  if (sha256(payload) !== header.sha256) throw damaged();
  const { createdMs, vault } = header;
  if (vault === undefined) return { snapshot: payload, createdMs };
  if (unlockKey === undefined) {
    throw new KeysError('keys-locked', 'the backup is encrypted', {
      hint: 'give the --unlock-key-file or HAUBERK_UNLOCK_PASSPHRASE of the time of the backup',
    });
  }
  const dataKey = await unwrapDataKey(vault, unlockKey);
  return { snapshot: unseal(dataKey, NAME, payload), createdMs };
}

function damaged(cause?: unknown): KeysError {
  return new KeysError('keys-damaged', 'the file is not a complete backup of a control plane', {
    hint: 'use another file of `hauberk backup`',
    cause,
  });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
