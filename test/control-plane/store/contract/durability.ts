import test from 'ava';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import type { StoreFactory } from './store-under-test.ts';
import { putKey } from './operations.ts';
import { recordWatch } from './watch-recorder.ts';

/** What outlives `close()`, and what does not. */
export function registerDurabilityTests(createStore: StoreFactory): void {
  test('a reopened store is the same: entries, the past, and revisions go on', async (t) => {
    const underTest = await createStore(t);
    const lease = await underTest.store.grantLease(60_000);
    const first = await putKey(underTest.store, 'k/1', 'one', lease);
    await putKey(underTest.store, 'k/1', 'two', lease);
    await putKey(underTest.store, 'k/2', 'three');
    const before = await underTest.store.range('');
    const store = await underTest.reopen();
    const after = await store.range('');
    t.deepEqual(after.entries, before.entries);
    // What a process has in the store for itself goes with it, which may take a revision.
    t.true(after.revision >= before.revision);
    const watch = await recordWatch(t, store, 'k/', first.revision);
    const next = await putKey(store, 'k/3');
    t.is(next.revision, after.revision + 1);
    await watch.settled('k/end');
    t.deepEqual(
      watch.batches.map((batch) => batch.revision - first.revision),
      [0, 1, 2, next.revision - first.revision],
    );
  });

  const calls: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
    ['get', (store) => store.get('key')],
    ['range', (store) => store.range('')],
    ['transact', (store) => putKey(store, 'key')],
    ['watch', (store) => store.watch('', 1, () => {})],
    ['grantLease', (store) => store.grantLease(2000)],
    ['keepLeaseAlive', (store) => store.keepLeaseAlive('1234')],
    ['revokeLease', (store) => store.revokeLease('1234')],
  ];
  test('closing twice does nothing; every later call fails with `closed`', async (t) => {
    const { store } = await createStore(t);
    await store.close();
    await store.close();
    for (const [name, call] of calls) {
      const error = await t.throwsAsync(call(store), { instanceOf: StoreError }, name);
      t.is(error?.code, 'closed', name);
    }
  });

  test('a transaction that was under way at close has happened, or it fails', async (t) => {
    const underTest = await createStore(t);
    const pending = Promise.allSettled(
      Array.from({ length: 5 }, (_, index) => putKey(underTest.store, `k/${index}`)),
    );
    await underTest.store.close();
    const outcomes = await pending;
    const store = await underTest.reopen();
    for (const [index, outcome] of outcomes.entries()) {
      const exists = (await store.get(`k/${index}`)) !== undefined;
      if (outcome.status === 'fulfilled') t.true(exists);
      else t.true(outcome.reason instanceof StoreError);
    }
  });
}
