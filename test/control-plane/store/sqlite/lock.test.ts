import { join } from 'node:path';
import test from 'ava';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import { putKey } from '../contract/operations.ts';
import { openForTest, temporaryDirectory } from './sqlite-under-test.ts';
import { startStoreProcess } from './store-process.ts';

test('a store that another process has open is locked, until kill -9 frees it', async (t) => {
  const path = join(await temporaryDirectory(t), 'store.db');
  const holder = startStoreProcess(t, 'hold', [path]);
  await holder.untilLines(1);
  t.deepEqual(holder.lines, ['open']);
  const error = await t.throwsAsync(openForTest(t, { path }), { instanceOf: StoreError });
  t.is(error.code, 'locked');
  t.is(error.message, `another process has the store ${path} open`);
  t.regex(String(error.hint), /stop the other control plane/);
  await holder.kill();
  const store = await openForTest(t, { path });
  t.true((await putKey(store, 'key')).succeeded);
});

test('a second store on the same file fails, and does not let go of the lock of the first', async (t) => {
  const path = join(await temporaryDirectory(t), 'store.db');
  const store = await openForTest(t, { path });
  const error = await t.throwsAsync(openForTest(t, { path }), { instanceOf: StoreError });
  t.is(error.code, 'locked');
  // POSIX locks go when the process closes any descriptor of the file: ask another process.
  const refused = startStoreProcess(t, 'hold', [path]);
  await refused.ended();
  t.deepEqual(refused.lines, ['locked']);
  t.true((await putKey(store, 'key')).succeeded);
  await store.close();
  const allowed = startStoreProcess(t, 'hold', [path]);
  await allowed.untilLines(1);
  t.deepEqual(allowed.lines, ['open']);
});

test('of two processes that start at once, one gets the store', async (t) => {
  const path = join(await temporaryDirectory(t), 'store.db');
  const both = [startStoreProcess(t, 'hold', [path]), startStoreProcess(t, 'hold', [path])];
  await Promise.all(both.map((one) => one.untilLines(1)));
  t.deepEqual(both.flatMap((one) => one.lines).toSorted(), ['locked', 'open']);
});
