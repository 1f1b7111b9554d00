/** A restored control plane does not forget in silence: tokens of the backup are void unless they are kept. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { rm } from 'node:fs/promises';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import {
  restoreBackup,
  restoreNotes,
  warnOfRestore,
} from '../../../control-plane/server/restore.ts';
import { StoreError } from '../../../control-plane/store/store-error.ts';
import { decodeToken, tokenState } from '../../../control-plane/tokens/token.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { startControlPlaneUnderTest } from '../control-plane-under-test.ts';

const DAY_MS = 86_400_000;

test('what may have been used or revoked since the backup is told, and tokens are void', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  await cp.token('shop', 'web');
  await cp.token('shop', 'api');
  await cp.enrol('shop', 'other');
  await cp.admin.revoke({ kind: 'identity', namespace: 'shop', service: 'other' });
  const backup = await cp.controlPlane.backup();
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const file = join(directory.path, 'backup');
  await writeFile(file, backup);
  const log = createLogRecorder();
  const clock = createManualClock(cp.clock.epochMs() + 60_000);
  const shared = { file, unlockKey: undefined, clock, logger: log.logger };

  for (const keepTokens of [false, true]) {
    const dataDir = join(directory.path, String(keepTokens));
    const restored = await restoreBackup({ ...shared, dataDir, keepTokens });
    // Those of other tests' helpers are active as well: one for each `token`.
    t.is(restored.tokens, 3);
    t.is(restored.revocations, 1);
    t.is(restored.backupMs, cp.clock.epochMs());
    t.regex(
      restoreNotes(restored, keepTokens).join('\n'),
      keepTokens ? /are valid/ : /are revoked/,
    );
    const store = await openSqliteStore({ ...shared, path: join(dataDir, 'hauberk.db') });
    const { entries } = await store.range('tokens/');
    const states = entries.map((entry) => tokenState(decodeToken(entry), clock.epochMs()));
    const expected = keepTokens ? 'active' : 'revoked';
    t.deepEqual(states, [expected, expected, expected]);

    await warnOfRestore(store, shared);
    t.is(log.of('restored-from-backup').length, keepTokens ? 2 : 1);
    await store.close();
    await t.throwsAsync(restoreBackup({ ...shared, dataDir, keepTokens }), {
      instanceOf: StoreError,
      code: 'locked',
    });
    if (keepTokens) await rm(dataDir, { recursive: true });
  }
  const store = await openSqliteStore({
    ...shared,
    path: join(directory.path, 'false', 'hauberk.db'),
  });
  await clock.advance(8 * DAY_MS);
  await warnOfRestore(store, shared);
  t.is(log.of('restored-from-backup').length, 2, 'a week later nothing can be about any more');
  await store.close();
});
