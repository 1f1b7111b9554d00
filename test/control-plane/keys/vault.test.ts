/** Private keys at rest: sealed with what unlocks them, opened by nothing else, and gone when replaced. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import type { UnlockKey } from '../../../common/config/unlock-key.ts';
import { KeysError } from '../../../control-plane/keys/keys-error.ts';
import { seal, unseal } from '../../../control-plane/keys/seal.ts';
import { fencedByVault, followVault } from '../../../control-plane/keys/vault-fence.ts';
import { sealedStore } from '../../../control-plane/keys/sealed-store.ts';
import { openVault, sealEverything, type OpenVault } from '../../../control-plane/keys/vault.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import { forwarded, keyOf, type Store } from '../../../control-plane/store/store.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const KEY: UnlockKey = { kind: 'key', key: randomBytes(32) };
const PASSPHRASE: UnlockKey = { kind: 'passphrase', passphrase: 'correct horse battery' };
const SECRET = 'the-private-key-of-the-root';

async function open(directory: string): Promise<Store> {
  const { logger } = createLogRecorder();
  return openSqliteStore({ path: join(directory, 'hauberk.db'), clock: systemClock, logger });
}

async function put(store: Store, key: string, text: string): Promise<void> {
  await store.transact([], [{ kind: 'put', key, value: Buffer.from(text) }]);
}

/** Everything that is in the files of the store. */
async function onDisk(directory: string): Promise<string> {
  const files = ['hauberk.db', 'hauberk.db-wal'].map((name) =>
    readFile(join(directory, name), 'latin1').catch(() => ''),
  );
  return (await Promise.all(files)).join('');
}

test('a value opens with its key and under its name, and not otherwise', (t) => {
  const [key, other] = [randomBytes(32), randomBytes(32)];
  const sealed = seal(key, 'ca/root', Buffer.from(SECRET));
  t.is(unseal(key, 'ca/root', sealed).toString(), SECRET);
  t.false(sealed.includes(SECRET));
  const damaged = Buffer.from(sealed);
  damaged[20] = (damaged[20] ?? 0) ^ 1;
  for (const [withKey, name, value] of [
    [other, 'ca/root', sealed],
    [key, 'ca/issuer', sealed],
    [key, 'ca/root', damaged],
    [key, 'ca/root', sealed.subarray(0, 10)],
    [key, 'ca/root', Buffer.from(SECRET)],
  ] as const) {
    const error = t.throws(() => unseal(withKey, name, value), { instanceOf: KeysError });
    t.is(error?.code, 'keys-damaged');
  }
});

for (const unlockKey of [KEY, PASSPHRASE]) {
  test(`a store is encrypted with a ${unlockKey.kind}, and opened by nothing else`, async (t) => {
    await using directory = await temporaryDirectory();
    const store = await open(directory.path);
    await put(store, 'ca/root', SECRET);
    await put(store, 'tokens/x', 'public');
    t.true((await onDisk(directory.path)).includes(SECRET), 'the test would see it');
    const dataKey = (await openVault(store, unlockKey))?.dataKey;
    if (dataKey === undefined) return t.fail('expected a key');
    t.false((await onDisk(directory.path)).includes(SECRET));

    const sealed = sealedStore(store, dataKey);
    t.is((await sealed.get('ca/root'))?.value.toString(), SECRET);
    t.is((await sealed.range('')).entries.length, 3);
    await put(sealed, 'ca/issuer', 'another-secret');
    t.false((await onDisk(directory.path)).includes('another-secret'));
    t.is((await sealed.range('ca/')).entries[0]?.value.toString(), 'another-secret');

    t.deepEqual((await openVault(store, unlockKey))?.dataKey, dataKey);
    const locked = await t.throwsAsync(openVault(store, undefined), { instanceOf: KeysError });
    t.is(locked?.code, 'keys-locked');
    for (const wrong of [
      { kind: 'key', key: randomBytes(32) },
      { kind: 'passphrase', passphrase: 'incorrect horse battery' },
    ] as const) {
      const error = await t.throwsAsync(openVault(store, wrong), { instanceOf: KeysError });
      t.is(error?.code, 'unlock-key-wrong');
    }
    await put(store, 'ca/root', 'slipped in');
    await t.throwsAsync(sealed.get('ca/root'), { instanceOf: KeysError });
    await store.close();
  });
}

test('after a rekey the old way in, and the old data key, open nothing', async (t) => {
  await using directory = await temporaryDirectory();
  const store = await open(directory.path);
  await put(store, 'ca/root', SECRET);
  const vault = await openVault(store, KEY);
  const old = vault?.dataKey;
  const next: UnlockKey = { kind: 'key', key: randomBytes(32) };
  await sealEverything(store, vault, next);
  await t.throwsAsync(openVault(store, KEY), { instanceOf: KeysError });
  const dataKey = (await openVault(store, next))?.dataKey;
  if (old === undefined || dataKey === undefined) return t.fail('expected keys');
  t.is((await sealedStore(store, dataKey).get('ca/root'))?.value.toString(), SECRET);
  await t.throwsAsync(sealedStore(store, old).get('ca/root'), { instanceOf: KeysError });
  await store.close();
});

test('of several that begin at the same moment one makes the key, and the others have that one', async (t) => {
  await using directory = await temporaryDirectory();
  const store = await open(directory.path);
  let faster: Promise<OpenVault | undefined> | undefined;
  const overtaken: Store = {
    ...forwarded(store),
    // The other one is done in between, after this one has seen that there is nothing.
    async range(...args) {
      const found = await store.range(...args);
      await (faster ??= openVault(store, KEY));
      return found;
    },
  };
  const late = await openVault(overtaken, KEY);
  t.not(faster, undefined, 'it was overtaken');
  t.deepEqual(late, await faster);
  t.deepEqual(await openVault(store, KEY), late);
  await store.close();
});

test('a private key that was replaced is nowhere on the disk any more', async (t) => {
  await using directory = await temporaryDirectory();
  const store = await open(directory.path);
  await put(store, 'ca/issuer', SECRET);
  await put(store, 'mesh/x', 'a change that is kept');
  await put(store, 'ca/issuer', 'the next one');
  const files = await onDisk(directory.path);
  t.false(files.includes(SECRET));
  t.true(files.includes('a change that is kept'));
  t.true(files.includes('the next one'));
  const heard: string[] = [];
  const watch = await store.watch('', 1, ({ events }) => {
    heard.push(...events.map((event) => `${event.kind} ${keyOf(event)}`));
  });
  await put(store, 'ca/issuer', 'and one more');
  await put(store, 'mesh/x', 'and one more');
  const [secret, plain] = ['secret ca/issuer', 'put mesh/x'];
  t.deepEqual(heard, [secret, plain, secret, secret, plain], 'no watch is told a secret');
  await watch.close();
  await store.close();
});

test('what a control plane would write with the key from before a rekey is not written', async (t) => {
  await using directory = await temporaryDirectory();
  const store = await open(directory.path);
  await put(store, 'ca/root', SECRET);
  const vault = await openVault(store, KEY);
  if (vault === undefined) return t.fail('expected a vault');
  const behind = sealedStore(fencedByVault(store, vault.modRevision), vault.dataKey);
  await put(behind, 'ca/issuer', 'one');
  const refused = await behind.transact([{ key: 'ca/issuer', modRevision: 0 }], []);
  t.false(refused.succeeded, 'a condition of the caller is answered as always');
  const told: string[] = [];
  const follow = (revision: number) =>
    followVault(store, revision, () => void told.push('rekeyed'));
  const following = await follow(vault.modRevision);
  const next: UnlockKey = { kind: 'key', key: randomBytes(32) };
  const { dataKey } = await sealEverything(store, vault, next);
  t.deepEqual(told, ['rekeyed']);
  await t.throwsAsync(put(behind, 'ca/issuer', 'two'), { code: 'keys-rekeyed' });
  await t.throwsAsync(follow(vault.modRevision), { code: 'keys-rekeyed' });
  await t.notThrowsAsync(put(behind, 'mesh/x', 'what is no secret'));
  t.is((await sealedStore(store, dataKey).get('ca/issuer'))?.value.toString(), 'one');
  await following.close();
  await store.close();
});
