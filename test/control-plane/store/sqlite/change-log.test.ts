import { readFile } from 'node:fs/promises';
import test from 'ava';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { put, putKey } from '../contract/operations.ts';
import { recordWatch } from '../contract/watch-recorder.ts';
import { createSqliteUnderTest } from './sqlite-under-test.ts';

const LIMITS = { maxChanges: 10, maxBytes: 100_000, slack: 0.5 };

/** The first revision from which a watch can start. */
async function firstKept(store: Store): Promise<number> {
  const { revision } = await store.range('');
  for (let from = 1; from <= revision; from += 1) {
    try {
      await (await store.watch('', from, () => {})).close();
      return from;
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'compacted') throw error;
    }
  }
  return revision + 1;
}

test('a watch from a revision that is no longer kept fails with `compacted`; from the next it works', async (t) => {
  const underTest = await createSqliteUnderTest(t, { changeLogLimits: LIMITS });
  for (let revision = 1; revision <= 15; revision += 1) await putKey(underTest.store, 'k');
  t.is(await firstKept(underTest.store), 1, 'within the slack nothing is cut');
  await putKey(underTest.store, 'k');
  const error = await t.throwsAsync(underTest.store.watch('k', 6, () => {}));
  t.true(error instanceof StoreError && error.code === 'compacted');
  t.is(error.message, 'changes are kept from revision 7, not from 6');
  const watch = await recordWatch(t, underTest.store, 'k', 7);
  await watch.until('the ten that are kept', ({ length }) => length === 10);
  t.is(watch.batches[0]?.revision, 7);
  const reopened = await underTest.reopen();
  t.is(await firstKept(reopened), 7, 'a restart does not forget what was cut');
  t.deepEqual(
    (await reopened.range('')).entries.map((entry) => entry.modRevision),
    [16],
  );
});

test('a live watch misses nothing when the log is cut', async (t) => {
  const { store } = await createSqliteUnderTest(t, { changeLogLimits: LIMITS });
  const watch = await recordWatch(t, store, 'k', 1);
  await Promise.all(Array.from({ length: 100 }, () => putKey(store, 'k')));
  await watch.until('a hundred batches', ({ length }) => length === 100);
  t.deepEqual(
    watch.batches.map((batch) => batch.revision),
    Array.from({ length: 100 }, (_, index) => index + 1),
  );
  t.true((await firstKept(store)) > 80);
});

test('the log is cut by bytes, too', async (t) => {
  const { store } = await createSqliteUnderTest(t, { changeLogLimits: LIMITS });
  for (let revision = 1; revision <= 5; revision += 1) await putKey(store, 'k', 'v'.repeat(40_000));
  // 160,000 bytes at the fourth are past 150,000: cut down to 100,000, that is two; the fifth fits.
  t.is(await firstKept(store), 3);
});

test('only whole revisions are cut, even one that is larger than the log', async (t) => {
  const { store } = await createSqliteUnderTest(t, { changeLogLimits: LIMITS });
  await putKey(store, 'before');
  await store.transact(
    [],
    Array.from({ length: 12 }, (_, index) => put(`k/${index}`, '')),
  );
  await putKey(store, 'after/1');
  t.is(await firstKept(store), 1);
  await store.transact([], [put('after/2', ''), put('after/3', '')]);
  t.is(await firstKept(store), 3);
  for (let more = 0; more < 7; more += 1) await putKey(store, `more/${more}`);
  t.is(await firstKept(store), 3, 'what was cut is counted as a whole');
  await store.transact(
    [],
    Array.from({ length: 20 }, (_, index) => put(`k/${index}`, '')),
  );
  const { revision, entries } = await store.range('');
  t.is(
    await firstKept(store),
    revision + 1,
    'nothing of it is kept, but a watch can go on from it',
  );
  t.is(entries.length, 31);
});

test('writes that change no key cut nothing', async (t) => {
  const underTest = await createSqliteUnderTest(t);
  for (let revision = 1; revision <= 30; revision += 1) await putKey(underTest.store, 'k');
  await underTest.store.close();
  const { store } = await createSqliteUnderTest(t, {
    path: underTest.path,
    changeLogLimits: LIMITS,
  });
  await store.grantLease(5000);
  t.is(await firstKept(store), 1);
  await putKey(store, 'k');
  t.is(await firstKept(store), 22);
});

test('a transaction that was rolled back does not count', async (t) => {
  const limits = { ...LIMITS, maxBytes: 10_000_000 };
  const options = { changeLogLimits: limits, maxBytes: 512 * 1024 };
  const { store } = await createSqliteUnderTest(t, options);
  for (const key of ['k/1', 'k/2']) await putKey(store, key, 'v'.repeat(100 * 1024));
  // The last value fits into the entries, and no longer into the log.
  const changes = Array.from({ length: 14 }, (_, index) => put(`small/${index}`, ''));
  const last = put('last', 'v'.repeat(50 * 1024));
  const error = await t.throwsAsync(store.transact([], [...changes, last]));
  t.true(error instanceof StoreError && error.code === 'full');
  await putKey(store, 'k/3');
  t.is(await firstKept(store), 1);
});

test('a value that was deleted and cut from the log is gone from the file', async (t) => {
  const { store, path } = await createSqliteUnderTest(t, { changeLogLimits: LIMITS });
  const secret = 'secret-'.repeat(1000);
  await putKey(store, 'key', secret);
  await store.transact([], [{ kind: 'delete', key: 'key' }]);
  for (let more = 0; more < 20; more += 1) await putKey(store, 'other', 'not-hidden');
  t.true((await firstKept(store)) > 2);
  await store.close();
  const file = await readFile(path);
  t.true(file.includes('not-hidden'));
  t.false(file.includes('secret-'));
});
