import test from 'ava';
import { setTimeout as sleepReal } from 'node:timers/promises';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import type { StoreFactory, StoreUnderTest } from './store-under-test.ts';
import { keysOf, put, putKey, revisionOf } from './operations.ts';
import { recordWatch } from './watch-recorder.ts';

/** Short enough for a store with real time; etcd counts leases in whole seconds. */
const TTL_MS = 2000;

/** Lets the leases' time pass: moves the injected clock, or really waits. */
async function pass({ clock }: StoreUnderTest, ms: number): Promise<void> {
  await (clock === undefined ? sleepReal(ms) : clock.advance(ms));
}

/** Keys that live as long as someone keeps them alive. */
export function registerLeaseTests(createStore: StoreFactory): void {
  test('the keys of a lease that nobody keeps alive vanish, with events, at one revision', async (t) => {
    const underTest = await createStore(t);
    const { store } = underTest;
    const lease = await store.grantLease(TTL_MS);
    await putKey(store, 'k/1', 'x', lease);
    await putKey(store, 'k/2', 'x', lease);
    const { revision } = await putKey(store, 'k/stays', 'x');
    t.is((await store.get('k/1'))?.lease, lease);
    const watch = await recordWatch(t, store, 'k/', revision + 1);
    await pass(underTest, TTL_MS);
    await watch.until('the lease runs out', ({ length }) => length === 1);
    const events = watch.batches[0]?.events.map((event) => event.kind === 'delete' && event.key);
    t.deepEqual(events?.toSorted(), ['k/1', 'k/2']);
    t.deepEqual(await keysOf(store, 'k/'), ['k/stays']);
    const error = await t.throwsAsync(store.keepLeaseAlive(lease), { instanceOf: StoreError });
    t.is(error.code, 'lease-not-found');
  });

  test('the keys of a lease that is kept alive stay', async (t) => {
    const underTest = await createStore(t);
    const { store } = underTest;
    const kept = await store.grantLease(TTL_MS);
    const lost = await store.grantLease(TTL_MS);
    await putKey(store, 'k/kept', '', kept);
    const { revision } = await putKey(store, 'k/lost', '', lost);
    const watch = await recordWatch(t, store, 'k/', revision + 1);
    for (let round = 0; round < 4; round += 1) {
      await pass(underTest, TTL_MS / 2);
      await store.keepLeaseAlive(kept);
    }
    await watch.until('the other lease runs out', ({ length }) => length === 1);
    t.deepEqual(await keysOf(store, 'k/'), ['k/kept']);
  });

  test('a revoked lease takes its keys with it, at once; revoking it again does nothing', async (t) => {
    const { store } = await createStore(t);
    const lease = await store.grantLease(TTL_MS);
    await store.transact([], [put('k/1', '', lease), put('k/2', '')]);
    await store.revokeLease(lease);
    t.deepEqual(await keysOf(store, 'k/'), ['k/2']);
    const revision = await revisionOf(store);
    await store.revokeLease(lease);
    t.is(await revisionOf(store), revision);
  });

  test('a lease without keys ends without using up a revision', async (t) => {
    const { store } = await createStore(t);
    const before = await revisionOf(store);
    await store.revokeLease(await store.grantLease(TTL_MS));
    t.is(await revisionOf(store), before);
  });

  test('a put with another lease, or with none, takes the key off its lease', async (t) => {
    const { store } = await createStore(t);
    const [first, second] = [await store.grantLease(TTL_MS), await store.grantLease(TTL_MS)];
    for (const key of ['k/first', 'k/none', 'k/second']) await putKey(store, key, '', first);
    await putKey(store, 'k/none');
    await putKey(store, 'k/second', '', second);
    t.false('lease' in ((await store.get('k/none')) ?? { lease: first }));
    await store.revokeLease(first);
    t.deepEqual(await keysOf(store, 'k/'), ['k/none', 'k/second']);
    await store.revokeLease(second);
    t.deepEqual(await keysOf(store, 'k/'), ['k/none']);
  });

  test('a put with a lease that has ended changes nothing, beside others that go on', async (t) => {
    const { store } = await createStore(t);
    const ended = await store.grantLease(TTL_MS);
    await store.revokeLease(ended);
    const [before, refused, after] = await Promise.allSettled([
      putKey(store, 'k/before'),
      store.transact([], [put('k/1', ''), put('k/2', '', ended)]),
      putKey(store, 'k/after'),
    ]);
    t.is(before.status, 'fulfilled');
    t.is(after.status, 'fulfilled');
    t.like(refused, { status: 'rejected', reason: { code: 'lease-not-found' } });
    t.deepEqual(await keysOf(store, 'k/'), ['k/after', 'k/before']);
  });

  test('keeping a lease alive that never was fails', async (t) => {
    const { store } = await createStore(t);
    const error = await t.throwsAsync(store.keepLeaseAlive('1234'), { instanceOf: StoreError });
    t.is(error.code, 'lease-not-found');
    await t.notThrowsAsync(store.revokeLease('1234'));
  });

  test('keys whose lease runs out around a restart vanish; a lease that is kept alive lives on', async (t) => {
    const underTest = await createStore(t);
    const kept = await underTest.store.grantLease(TTL_MS);
    const lost = await underTest.store.grantLease(TTL_MS);
    await putKey(underTest.store, 'k/kept', '', kept);
    const { revision } = await putKey(underTest.store, 'k/lost', '', lost);
    const store = await underTest.reopen();
    t.deepEqual(await keysOf(store, 'k/'), ['k/kept', 'k/lost'], 'there is time to come back');
    const watch = await recordWatch(t, store, 'k/', revision + 1);
    for (let round = 0; round < 4; round += 1) {
      await store.keepLeaseAlive(kept);
      await pass(underTest, TTL_MS / 2);
    }
    await watch.until('the lost lease runs out', ({ length }) => length === 1);
    t.deepEqual(await keysOf(store, 'k/'), ['k/kept']);
  });

  for (const ttlMs of [0, -1, 999, 1500.5, Number.NaN, 2 ** 31]) {
    test(`a lease of ${ttlMs} ms is refused as invalid`, async (t) => {
      const { store } = await createStore(t);
      const error = await t.throwsAsync(store.grantLease(ttlMs), { instanceOf: StoreError });
      t.is(error.code, 'invalid');
    });
  }
}
