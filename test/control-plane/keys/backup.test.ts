/** A backup is whole, opens with what unlocks the keys and with nothing else, and begins a new history. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import type { UnlockKey } from '../../../common/config/unlock-key.ts';
import { decodeBackup, encodeBackup } from '../../../control-plane/keys/backup-file.ts';
import { KeysError } from '../../../control-plane/keys/keys-error.ts';
import { openVault, readVault } from '../../../control-plane/keys/vault.ts';
import { restoreSnapshot } from '../../../control-plane/store/sqlite/snapshot.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import { StoreError } from '../../../control-plane/store/store-error.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const open = (path: string) =>
  openSqliteStore({ path, clock: systemClock, logger: createLogRecorder().logger });
const put = (key: string, text: string) =>
  ({ kind: 'put', key, value: Buffer.from(text) }) as const;

async function code(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error instanceof KeysError || error instanceof StoreError ? error.code : String(error);
  }
}

test('a snapshot of a store that is being written is one moment of it, and restores', async (t) => {
  await using directory = await temporaryDirectory();
  const store = await open(join(directory.path, 'a', 'hauberk.db'));
  await store.transact([], [put('a', '1'), put('b', '1')]);
  const writing = (async () => {
    for (let round = 2; round < 50; round += 1) {
      await store.transact([], [put('a', `${round}`), put('b', `${round}`)]);
    }
  })();
  const snapshot = await store.snapshot();
  await writing;
  const { revision } = await store.range('');
  await store.close();

  const path = join(directory.path, 'b', 'hauberk.db');
  await restoreSnapshot(path, snapshot, 12_345);
  const restored = await open(path);
  const [a, b] = [await restored.get('a'), await restored.get('b')];
  t.is(a?.value.toString(), b?.value.toString());
  t.is((await restored.get('restored'))?.value.toString(), '12345');
  t.true((await restored.range('')).revision > revision + 1_000_000, 'no version comes twice');
  t.is(await code(restored.watch('', revision, () => undefined)), 'compacted');
  await restored.close();
  t.is(await code(restoreSnapshot(path, snapshot, 0)), 'locked', 'nothing is overwritten');
  const elsewhere = join(directory.path, 'c', 'hauberk.db');
  const odd = await code(restoreSnapshot(elsewhere, randomBytes(9000), 0));
  t.true(odd === 'corrupt' || odd === 'incompatible', odd);
  await restoreSnapshot(elsewhere, snapshot, 0);
});

test('a backup of encrypted keys opens with what unlocks them, and one of plain keys as it is', async (t) => {
  await using directory = await temporaryDirectory();
  const store = await open(join(directory.path, 'hauberk.db'));
  await store.transact([], [put('ca/root', 'secret'), put('tokens/x', 'a-hash')]);
  const plain = encodeBackup(await store.snapshot(), 1);
  t.true(plain.includes('a-hash'));
  t.is((await decodeBackup(plain, undefined)).createdMs, 1);

  const key: UnlockKey = { kind: 'key', key: randomBytes(32) };
  const dataKey = (await openVault(store, key))?.dataKey;
  const vault = await readVault(store);
  if (dataKey === undefined || vault === undefined) return t.fail('expected a vault');
  const snapshot = await store.snapshot();
  await store.close();
  const sealed = encodeBackup(snapshot, 2, { dataKey, vault });
  t.false(sealed.includes('a-hash'));
  t.true((await decodeBackup(sealed, key)).snapshot.equals(snapshot));
  t.is(await code(decodeBackup(sealed, undefined)), 'keys-locked');
  const other: UnlockKey = { kind: 'key', key: randomBytes(32) };
  t.is(await code(decodeBackup(sealed, other)), 'unlock-key-wrong');

  for (const file of [plain, sealed]) {
    t.is(await code(decodeBackup(file.subarray(0, -1), key)), 'keys-damaged');
    const changed = Buffer.from(file);
    changed[file.length - 50] = (changed[file.length - 50] ?? 0) ^ 1;
    t.is(await code(decodeBackup(changed, key)), 'keys-damaged');
  }
  t.is(await code(decodeBackup(Buffer.from('something else'), key)), 'keys-damaged');
});
