import test from 'ava';
import { drawFault } from '../../../../proxy/routes/filters/fault.ts';
import { createRandom } from '../../../helpers/random.ts';

const ABORT = { percentage: 50, httpStatus: 503, grpcStatus: 14 };
const DELAY = { percentage: 10, fixedDelayMs: 200 };

test('shares are kept, and the two are drawn apart from each other', (t) => {
  const random = createRandom(3);
  const draw = (): number => random(1_000_000) / 1_000_000;
  const counts = { delayed: 0, aborted: 0, both: 0 };
  for (let at = 0; at < 10_000; at += 1) {
    const { delayMs, abort } = drawFault({ delay: DELAY, abort: ABORT }, draw);
    if (delayMs > 0) counts.delayed += 1;
    if (abort !== undefined) counts.aborted += 1;
    if (delayMs > 0 && abort !== undefined) counts.both += 1;
  }
  t.true(Math.abs(counts.delayed - 1_000) < 150, JSON.stringify(counts));
  t.true(Math.abs(counts.aborted - 5_000) < 250, JSON.stringify(counts));
  t.true(Math.abs(counts.both - 500) < 120, JSON.stringify(counts));
});

test('0 is never and 100 is always', (t) => {
  const fault = (percentage: number, random: number) =>
    drawFault(
      { delay: { percentage, fixedDelayMs: 1 }, abort: { ...ABORT, percentage } },
      () => random,
    );
  t.deepEqual(fault(0, 0), { delayMs: 0, abort: undefined });
  t.deepEqual(fault(100, 1 - Number.EPSILON), { delayMs: 1, abort: { ...ABORT, percentage: 100 } });
  t.deepEqual(
    drawFault({ delay: undefined, abort: undefined }, () => 0),
    {
      delayMs: 0,
      abort: undefined,
    },
  );
});
