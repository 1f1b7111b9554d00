import test from 'ava';
import { sleep, systemClock } from '../../common/clock.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

test('sleep ends when its time has come, and not before', async (t) => {
  const clock = createManualClock();
  let awake = false;
  const slept = sleep(clock, 1_000).then(() => (awake = true));
  await clock.advance(999);
  t.false(awake);
  await clock.advance(1);
  await slept;
  t.true(awake);
});

test('sleep ends with the reason of the signal, and leaves no timer', async (t) => {
  const clock = createManualClock();
  const stop = new AbortController();
  const slept = sleep(clock, 1_000, stop.signal);
  stop.abort(new Error('enough'));
  await t.throwsAsync(slept, { message: 'enough' });
  t.deepEqual(clock.pending, []);
  await t.throwsAsync(sleep(clock, 1_000, stop.signal), { message: 'enough' });
});

test('a delay beyond what the system can time is cut short, and does not fire at once', async (t) => {
  let hasFired = false;
  const timer = systemClock.after(2 ** 40, () => (hasFired = true));
  // Node.js would make a millisecond of such a delay.
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.after(2, resolve);
  await promise;
  timer.cancel();
  timer.cancel();
  t.false(hasFired);
});
