import test from 'ava';
import { describeFault } from '../report/render.ts';
import { FAULT_NAMES } from './fault-names.ts';
import { CLOCK_STEPS_MS, rounds, type Round } from './schedule.ts';

const COUNT = 400;

function take(seed: number, names = FAULT_NAMES as Parameters<typeof rounds>[1]): Round[] {
  const all = rounds(seed, names);
  return Array.from({ length: COUNT }, () => all.next().value);
}

test('the same seed gives the same schedule, and another one another', (t) => {
  t.deepEqual(take(7), take(7));
  t.notDeepEqual(take(7), take(8));
});

test('the schedule of a seed stays what it is, so that a report can be reproduced', (t) => {
  t.deepEqual(
    take(1)
      .slice(0, 2)
      .map((round) => round.map(describeFault)),
    [['corrupt-state web-1', 'kill web-0 for 14.6 s'], ['stop orders-1 for 4.0 s']],
  );
});

test('every kind of fault happens, and only those that were asked for', (t) => {
  const all = new Set(take(1).flatMap((round) => round.map(({ name }) => name)));
  t.deepEqual([...all].sort(), [...FAULT_NAMES].sort());
  const some = new Set(take(1, ['kill', 'clock']).flatMap((round) => round.map((one) => one.name)));
  t.deepEqual([...some].sort(), ['clock', 'kill']);
});

test('in a round no target has two faults, and none lasts for ever', (t) => {
  for (const round of take(3)) {
    const targets = round.flatMap((fault) => fault.targets);
    t.is(new Set(targets).size, targets.length);
    t.true(round.length >= 1 && round.length <= 3);
    for (const { afterMs, lastsMs } of round) t.true(afterMs <= 8_000 && lastsMs <= 15_000);
  }
});

test('a loss of quorum takes two members, a clock is set both ways', (t) => {
  const faults = take(4).flat();
  for (const { targets } of faults.filter(({ name }) => name === 'quorum-loss')) {
    t.is(new Set(targets).size, 2);
  }
  const steps = faults.flatMap(({ name, variant }) =>
    name === 'clock' ? [CLOCK_STEPS_MS[variant] ?? 0] : [],
  );
  t.true(steps.some((ms) => ms > 0) && steps.some((ms) => ms < 0));
});
