import test from 'ava';
import { keysOf, putKey } from '../contract/operations.ts';
import { createSqliteUnderTest } from './sqlite-under-test.ts';

test('what was asked for before close is committed', async (t) => {
  const underTest = await createSqliteUnderTest(t);
  const pending = Promise.all(['a', 'b'].map((key) => putKey(underTest.store, key)));
  await underTest.store.close();
  await t.notThrowsAsync(pending);
  t.deepEqual(await keysOf(await underTest.reopen(), ''), ['a', 'b']);
});

test('a listener may close the store: the rest of the group is settled, and nobody hears more', async (t) => {
  const underTest = await createSqliteUnderTest(t);
  const heard: string[] = [];
  await underTest.store.watch('', 1, () => {
    heard.push('first');
    void underTest.store.close();
  });
  await underTest.store.watch('', 1, () => void heard.push('second'));
  // Both watches have caught up then: the next commit reaches them live.
  await new Promise((resolve) => setImmediate(resolve));
  await t.notThrowsAsync(Promise.all(['a', 'b'].map((key) => putKey(underTest.store, key))));
  t.deepEqual(heard, ['first']);
  t.deepEqual(await keysOf(await underTest.reopen(), ''), ['a', 'b']);
});
