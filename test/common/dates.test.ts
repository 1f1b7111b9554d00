import test from 'ava';
import fc from 'fast-check';
import {
  afterByEither,
  ageMs,
  createSettledDate,
  hasCome,
  momentAt,
  momentOf,
  storedMoment,
} from '../../common/dates.ts';
import { plusMs } from '../../common/clock.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test('what is waited for comes when its time has passed, however far the wall clock is set back', async (t) => {
  const span = fc.integer({ min: 0, max: DAY_MS });
  await fc.assert(
    fc.asyncProperty(span, span, fc.integer({ max: 0 }), async (delayMs, afterMs, stepMs) => {
      const clock = createManualClock();
      let came = false;
      afterByEither(clock, delayMs, () => (came = true));
      await clock.advance(Math.min(afterMs, delayMs));
      clock.step(stepMs);
      await clock.advance(Math.max(delayMs - afterMs, 0));
      t.true(came);
      t.deepEqual(clock.pending, []);
    }),
  );
});

test('a wall clock that is set forward brings a date nearer, and one that has come is noticed at once', async (t) => {
  const clock = createManualClock();
  let times = 0;
  afterByEither(clock, HOUR_MS, () => (times += 1));
  clock.step(HOUR_MS - 1);
  t.is(times, 0);
  clock.step(1);
  t.is(times, 1);
  await clock.advance(DAY_MS);
  clock.step(DAY_MS);
  t.is(times, 1, 'once');
});

test('a wait that was cancelled is over for both clocks', async (t) => {
  const clock = createManualClock();
  let times = 0;
  const timer = afterByEither(clock, HOUR_MS, () => (times += 1));
  timer.cancel();
  timer.cancel();
  clock.step(DAY_MS);
  await clock.advance(DAY_MS);
  t.is(times, 0);
  t.deepEqual(clock.pending, []);
});

test('a moment is as old as the clock says that says more', async (t) => {
  const clock = createManualClock();
  const moment = momentOf(clock);
  await clock.advance(1_000);
  clock.step(-HOUR_MS);
  t.is(ageMs(clock, moment), 1_000, 'set back');
  clock.step(3 * HOUR_MS);
  t.is(ageMs(clock, moment), 2 * HOUR_MS + 1_000, 'suspended');
});

test('a moment that was written down is as old as the wall clock says, and never in the future', (t) => {
  const clock = createManualClock();
  t.is(ageMs(clock, storedMoment(clock, plusMs(clock.epochMs(), -HOUR_MS))), HOUR_MS);
  t.is(ageMs(clock, storedMoment(clock, plusMs(clock.epochMs(), HOUR_MS))), 0);
});

test('a date has come when either clock has passed it', async (t) => {
  for (const stepMs of [-DAY_MS, 0, 59 * 60_000, DAY_MS]) {
    const clock = createManualClock();
    const moment = momentAt(clock, plusMs(clock.epochMs(), HOUR_MS));
    clock.step(stepMs);
    t.is(hasCome(clock, moment), stepMs === DAY_MS);
    await clock.advance(HOUR_MS);
    t.true(hasCome(clock, moment));
  }
});

test('the date to forget by does not follow a step forward before a week', async (t) => {
  const clock = createManualClock();
  const { settledMs } = createSettledDate(clock);
  const startMs = clock.epochMs();
  t.is(settledMs(), startMs);
  clock.step(30 * DAY_MS);
  t.is(Number(settledMs()), startMs);
  await clock.advance(DAY_MS);
  t.is(Number(settledMs()), startMs + DAY_MS, 'it goes on');
  clock.step(-30 * DAY_MS);
  t.is(settledMs(), clock.epochMs(), 'the clock is right again');
  clock.step(HOUR_MS);
  await clock.advance(7 * DAY_MS);
  t.is(settledMs(), clock.epochMs(), 'believed in the end');
});

test('the date to forget by is never later than the wall clock, and never goes back of itself', async (t) => {
  const steps = fc.array(
    fc.record({
      stepMs: fc.integer({ min: -30 * DAY_MS, max: 30 * DAY_MS }),
      thenMs: fc.integer({ min: 0, max: 5 * DAY_MS }),
    }),
  );
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const clock = createManualClock();
      const date = createSettledDate(clock);
      for (const { stepMs, thenMs } of all) {
        const beforeMs = date.settledMs();
        clock.step(stepMs);
        t.true(date.settledMs() <= clock.epochMs());
        // A step forward does not move it.
        if (stepMs >= 0) t.true(date.settledMs() <= beforeMs);
        const steppedMs = date.settledMs();
        await clock.advance(thenMs);
        t.true(date.settledMs() >= steppedMs + thenMs);
      }
      date.close();
    }),
  );
});
