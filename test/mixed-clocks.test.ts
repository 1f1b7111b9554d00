// Dates and moments of the monotonic clock are numbers of two types (`common/clock.ts`). Nobody can assign
// one to the other, but `<` and `-` take any two numbers: here the compiler is asked for both sides of each.
import test from 'ava';
import { findMixedClocks } from './helpers/mixed-clocks/mixed-clocks.ts';

const EXAMPLES = 'test/helpers/mixed-clocks/examples.ts';

/** How far the two clocks are apart is how a step is noticed: it is asked in two places. */
const OFFSETS = [
  /^common\/clock\.ts:\d+: clock\.epochMs\(\) - clock\.monotonicMs\(\)$/,
  /^common\/dates\.ts:\d+: clock\.epochMs\(\) - clock\.monotonicMs\(\)$/,
];

const found = findMixedClocks();

test('no date meets a moment of the monotonic clock', (t) => {
  const mixed = found.filter((one) => !one.startsWith(EXAMPLES));
  const offsets = OFFSETS.map((offset) => mixed.filter((one) => offset.test(one)));
  t.deepEqual(
    offsets.map(({ length }) => length),
    [1, 1],
    'the two places that may are there',
  );
  t.deepEqual(
    mixed.filter((one) => !offsets.flat().includes(one)),
    [],
    'expected a date to meet dates only: use clock.epochMs() for dates, clock.monotonicMs() to wait',
  );
});

test('each way to mix them is noticed, and nothing else', (t) => {
  const examples = found.filter((one) => one.startsWith(EXAMPLES));
  t.deepEqual(
    examples.map((one) => one.replace(/^.*?:\d+: /, '')),
    [
      'dateMs < clock.monotonicMs()',
      'clock.epochMs() - sinceMs',
      '(dueMs ?? 0) - clock.monotonicMs()',
      'clock.epochMs() + 5_000 > clock.monotonicMs()',
      'clock.epochMs() >= deadlineMs',
      'Math.min(dueMs, 5) - clock.monotonicMs()',
    ],
  );
});
