import test from 'ava';
import { createRateLimit } from '../../common/rate-limit.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

test('lets so many through in each interval, and the others not', async (t) => {
  const clock = createManualClock();
  const mayPass = createRateLimit(clock, { count: 2, intervalMs: 1_000 });
  const three = () => [mayPass(), mayPass(), mayPass()];
  t.deepEqual(three(), [true, true, false]);
  await clock.advance(999);
  t.false(mayPass());
  await clock.advance(1);
  t.deepEqual(three(), [true, true, false]);
});

test('a clock that is set back does not close the gate', (t) => {
  let nowMs = 1_000_000;
  const clock = { ...createManualClock(), now: () => nowMs };
  const mayPass = createRateLimit(clock, { count: 1, intervalMs: 1_000 });
  t.deepEqual([mayPass(), mayPass()], [true, false]);
  nowMs = 0;
  t.true(mayPass());
});
