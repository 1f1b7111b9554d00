import test from 'ava';
import { FloodGuard } from '../../../proxy/http2/flood-guard.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const LIMITS = { burst: 10, perSecond: 5 };

/** How many of so many are allowed in a row. */
function spendAll(guard: FloodGuard, times: number): number {
  let spent = 0;
  while (spent < times && guard.spend()) spent += 1;
  return spent;
}

test('a burst is allowed, and then so many a second', async (t) => {
  const clock = createManualClock();
  const guard = new FloodGuard(clock, LIMITS);
  t.is(spendAll(guard, 100), 10);
  t.false(guard.spend());
  await clock.advance(199);
  t.false(guard.spend());
  await clock.advance(2);
  t.is(spendAll(guard, 100), 1, 'the 199 ms before were not forgotten');
  await clock.advance(1_000);
  t.is(spendAll(guard, 100), 5);
  await clock.advance(60_000);
  t.is(spendAll(guard, 100), 10, 'never more than the burst');
});

test('data pays for the frames that manage it', (t) => {
  const guard = new FloodGuard(createManualClock(), LIMITS);
  t.is(spendAll(guard, 100), 10);
  guard.earn(1);
  t.is(spendAll(guard, 100), 4);
  guard.earn(4_096);
  t.is(spendAll(guard, 100), 8);
  for (let count = 0; count < 100; count += 1) guard.earn(1);
  t.is(spendAll(guard, 100), 10, 'never more than the burst');
});

test('what is sent in crumbs, as the peer opens its window by crumbs, counts as frames of the peer', (t) => {
  const guard = new FloodGuard(createManualClock(), LIMITS);
  for (let crumb = 0; crumb < 3; crumb += 1) guard.sent(255, true);
  t.is(spendAll(guard, 100), 7);
  for (let crumb = 0; crumb < 3; crumb += 1) guard.sent(1, true);
  t.is(spendAll(guard, 100), 0);
  guard.sent(256, true);
  t.is(spendAll(guard, 100), 1, 'those before are paid first');
  guard.sent(256, true);
  t.is(spendAll(guard, 100), 4);
  guard.sent(1, false);
  t.is(spendAll(guard, 100), 4);
});

for (const stepMs of [-3_600_000, 3_600_000]) {
  test(`a step of the wall clock by ${stepMs} ms gives nothing, and takes nothing`, async (t) => {
    const clock = createManualClock();
    const guard = new FloodGuard(clock, LIMITS);
    t.is(spendAll(guard, 100), 10);
    clock.step(stepMs);
    t.false(guard.spend());
    await clock.advance(1_000);
    t.is(spendAll(guard, 100), 5);
  });
}
