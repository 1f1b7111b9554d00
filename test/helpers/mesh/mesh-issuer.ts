import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { systemClock } from '../../../common/clock.ts';
import type { Authority } from '../../../common/pki/authority.ts';
import { decodeIssuer } from '../../../control-plane/ca/authorities/stored-authority.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';

/**
 * The issuer of a running control plane, out of a copy of its store: signs what the control plane
 * itself would never sign.
 */
export async function stolenIssuer(dataDirectory: string): Promise<Authority> {
  const copy = await mkdtemp(path.join(tmpdir(), 'hauberk-test-'));
  try {
    for (const file of ['hauberk.db', 'hauberk.db-wal']) {
      await copyFile(path.join(dataDirectory, file), path.join(copy, file));
    }
    const store = await openSqliteStore({
      path: path.join(copy, 'hauberk.db'),
      clock: systemClock,
      logger: pino({ level: 'silent' }),
    });
    const entry = await store.get('ca/issuer');
    await store.close();
    if (entry === undefined) throw new Error('expected an issuer in the store');
    return decodeIssuer(entry);
  } finally {
    await rm(copy, { recursive: true });
  }
}
