import test from 'ava';
import { pino } from 'pino';
import type { Clock, MonotonicMs } from '../../../../common/clock.ts';
import { LeaseTimers } from '../../../../control-plane/store/sqlite/lease-timers.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { keysOf, putKey } from '../contract/operations.ts';
import { createSqliteUnderTest, openForTest, temporaryDirectory } from './sqlite-under-test.ts';
import { join } from 'node:path';

const TTL_MS = 10_000;
const logger = pino({ level: 'silent' });

test('a lease lives exactly as long as it was granted for', async (t) => {
  const { store, clock } = await createSqliteUnderTest(t);
  await putKey(store, 'k', '', await store.grantLease(TTL_MS));
  await clock.advance(TTL_MS - 1);
  t.deepEqual(await keysOf(store, ''), ['k']);
  await clock.advance(1);
  t.deepEqual(await keysOf(store, ''), []);
});

test('after a restart a lease has its full time anew', async (t) => {
  const underTest = await createSqliteUnderTest(t);
  const lease = await underTest.store.grantLease(TTL_MS);
  await putKey(underTest.store, 'k', '', lease);
  await underTest.clock.advance(TTL_MS - 1);
  await underTest.store.close();
  await underTest.clock.advance(3 * TTL_MS);
  const store = await underTest.reopen();
  await underTest.clock.advance(TTL_MS - 1);
  t.deepEqual(await keysOf(store, ''), ['k']);
  await underTest.clock.advance(1);
  t.deepEqual(await keysOf(store, ''), []);
});

test('a closed store leaves no timer behind', async (t) => {
  const { store, clock } = await createSqliteUnderTest(t);
  await store.grantLease(TTL_MS);
  await store.revokeLease(await store.grantLease(TTL_MS));
  t.is(clock.pending.length, 1);
  await store.close();
  t.is(clock.pending.length, 0);
});

test('a lease that ran out while the process was held up starts anew', async (t) => {
  const manual = createManualClock();
  let heldUpMs = 0;
  const clock: Clock = {
    ...manual,
    monotonicMs: () => (manual.monotonicMs() + heldUpMs) as MonotonicMs,
  };
  const path = join(await temporaryDirectory(t), 'store.db');
  const store = await openForTest(t, { path, clock });
  const lease = await store.grantLease(TTL_MS);
  await putKey(store, 'k', '', lease);
  heldUpMs = 60_000;
  await manual.advance(TTL_MS);
  t.deepEqual(await keysOf(store, ''), ['k']);
  await t.notThrowsAsync(store.keepLeaseAlive(lease));
  await manual.advance(TTL_MS);
  t.deepEqual(await keysOf(store, ''), [], 'but only once');
});

test('setting the clock back or forth does not change how long a lease lives', async (t) => {
  const clock = createManualClock();
  const store = await openForTest(t, {
    path: join(await temporaryDirectory(t), 'store.db'),
    clock,
  });
  const lease = await store.grantLease(TTL_MS);
  await putKey(store, 'k', '', lease);
  for (const jumpMs of [86_400_000, -86_400_000]) {
    clock.step(jumpMs);
    await clock.advance(TTL_MS - 1);
    t.deepEqual(await keysOf(store, ''), ['k']);
    await store.keepLeaseAlive(lease);
  }
  await clock.advance(TTL_MS);
  t.deepEqual(await keysOf(store, ''), []);
});

test('a lease whose end could not be written is ended later', async (t) => {
  const clock = createManualClock();
  const outcomes = [Promise.reject(new Error('no space')), Promise.resolve()];
  outcomes[0]?.catch(() => {});
  let tries = 0;
  const end = (): Promise<void> => outcomes[tries++] ?? Promise.reject(new Error('once too often'));
  const timers = new LeaseTimers({ clock, logger, end });
  t.teardown(() => timers.close());
  timers.start({ id: 'lease', ttlMs: TTL_MS });
  await clock.advance(TTL_MS);
  t.is(tries, 1);
  t.false(timers.keepAlive('lease'), 'it has expired all the same');
  await clock.advance(1000);
  t.is(tries, 2);
  await clock.advance(60_000);
  t.is(tries, 2);
  t.is(clock.pending.length, 0);
});

test('closing cancels the retry of a lease whose end could not be written', async (t) => {
  const clock = createManualClock();
  const timers = new LeaseTimers({
    clock,
    logger,
    end: () => Promise.reject(new Error('no space')),
  });
  timers.start({ id: 'lease', ttlMs: TTL_MS });
  await clock.advance(TTL_MS);
  t.is(clock.pending.length, 1);
  timers.close();
  t.is(clock.pending.length, 0);
});
