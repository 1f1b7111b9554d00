import test from 'ava';
import fc from 'fast-check';
import { momentOf, storedMoment } from '../../../../common/dates.ts';
import {
  expiryDateMs,
  renewalDelayMs,
  retryDelayMs,
  tryTimeoutMs,
} from '../../../../proxy/identity/renewal/schedule.ts';
import { plusMs } from '../../../../common/clock.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';

const clock = createManualClock();

const SECOND_MS = 1_000;
const WEEK_MS = 7 * 24 * 3_600 * SECOND_MS;

const lifetime = fc.integer({ min: 10 * SECOND_MS, max: WEEK_MS });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('renewal is due between one half and two thirds of the lifetime, from receipt', (t) => {
  fc.assert(
    fc.property(lifetime, random, fc.integer({ min: 0 }), (lifetimeMs, drawn, agoMs) => {
      const received = storedMoment(clock, plusMs(clock.epochMs(), -agoMs));
      const dueMs = renewalDelayMs({ received, lifetimeMs }, clock, () => drawn) + agoMs;
      t.true(dueMs >= Math.floor(lifetimeMs / 2));
      // To the millisecond.
      t.true(dueMs <= Math.ceil((lifetimeMs * 2) / 3));
    }),
  );
});

test('a fleet spreads over the whole window', (t) => {
  const identity = { received: momentOf(clock), lifetimeMs: 60_000 };
  t.is(
    renewalDelayMs(identity, clock, () => 0),
    30_000,
  );
  t.is(
    renewalDelayMs(identity, clock, () => 0.5),
    35_000,
  );
  t.true(renewalDelayMs(identity, clock, () => 0.999) > 39_000);
});

// Counts the tries that begin before expiry after a first one that fails at `startMs`.
function triesLeft(
  lifetimeMs: number,
  draws: () => number,
  tryMs: (leftMs: number) => number,
): number {
  let nowMs = renewalDelayMs({ received: momentOf(clock), lifetimeMs }, clock, draws);
  let tries = 0;
  for (let failures = 1; tries < 100; failures += 1) {
    nowMs += tryMs(lifetimeMs - nowMs);
    nowMs += retryDelayMs(failures, lifetimeMs - nowMs, draws);
    if (nowMs >= lifetimeMs) return tries;
    tries += 1;
  }
  return tries;
}

test('at least 8 more tries fit before expiry, whatever is drawn', (t) => {
  fc.assert(
    fc.property(lifetime, fc.array(random, { minLength: 1 }), (lifetimeMs, draws) => {
      let drawn = 0;
      const next = (): number => draws[drawn++ % draws.length] ?? 0;
      t.true(triesLeft(lifetimeMs, next, () => 0) >= 8);
    }),
  );
});

test('they fit even when each of them runs into its timeout, from a minute on', (t) => {
  const longer = fc.integer({ min: 60 * SECOND_MS, max: WEEK_MS });
  fc.assert(
    fc.property(longer, (lifetimeMs) => {
      t.true(triesLeft(lifetimeMs, () => 0.999_999, tryTimeoutMs) >= 8);
    }),
  );
});

test('retries are never in a tight loop and never too far apart', (t) => {
  const failures = fc.integer({ min: 1, max: 10_000 });
  const remaining = fc.integer({ min: -WEEK_MS, max: WEEK_MS });
  fc.assert(
    fc.property(failures, remaining, random, (count, remainingMs, drawn) => {
      const delayMs = retryDelayMs(count, remainingMs, () => drawn);
      t.true(delayMs >= 50);
      t.true(delayMs <= 5 * 60 * SECOND_MS);
    }),
  );
});

test('the first pause is below a second, and the bound doubles from there', (t) => {
  const almostOne = (): number => 0.999_999;
  const bounds = [1, 2, 3].map((failures) =>
    Math.round(retryDelayMs(failures, WEEK_MS, almostOne)),
  );
  t.deepEqual(bounds, [1_000, 2_000, 4_000]);
});

test('a try has between 1 and 5 seconds', (t) => {
  t.is(tryTimeoutMs(WEEK_MS), 5_000);
  t.is(tryTimeoutMs(3 * SECOND_MS), 1_000);
  t.is(tryTimeoutMs(-1), 5_000);
});

test('the date of expiry is whole, whatever the monotonic clock counts', async (t) => {
  const fine = createManualClock();
  const identity = { received: momentOf(fine), lifetimeMs: 60_000 };
  await fine.advance(10.25);
  fine.step(-60_000.25);
  t.is(Number(expiryDateMs(identity, fine)), fine.epochMs() + 59_990);
});
