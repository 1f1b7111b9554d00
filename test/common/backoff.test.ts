import test from 'ava';
import fc from 'fast-check';
import { fullJitterMs } from '../../common/backoff.ts';

const bounds = { baseMs: 1_000, capMs: 30_000 };

test('the ceiling doubles with each attempt up to the cap', (t) => {
  const almostOne = (): number => 1 - Number.EPSILON;
  const ceilings = [1, 2, 3, 4, 5, 6, 7].map((attempt) =>
    Math.round(fullJitterMs(attempt, bounds, almostOne)),
  );
  t.deepEqual(ceilings, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test('every delay is within its bounds, however many attempts there were', (t) => {
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), random, (attempt, drawn) => {
      const delayMs = fullJitterMs(attempt, bounds, () => drawn);
      t.true(delayMs >= 0 && delayMs <= bounds.capMs);
    }),
  );
});
