import test from 'ava';
import type { OutlierDetection } from '../../../../common/routes/backend-policy.ts';
import {
  newOutlierState,
  OutlierDetector,
} from '../../../../proxy/routes/balance/outlier-detection.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';

const SETTINGS: OutlierDetection = {
  consecutive5xxErrors: 3,
  baseEjectionTimeMs: 100_000,
  maxEjectionPercent: 50,
};

function under(settings: Partial<OutlierDetection> = {}, endpoints = 4) {
  const clock = createManualClock();
  const detector = new OutlierDetector({ ...SETTINGS, ...settings }, { clock, random: () => 0 });
  const states = Array.from({ length: endpoints }, newOutlierState);
  const [first] = states;
  if (first === undefined) throw new Error('no endpoint');
  const fail = (state = first, times = SETTINGS.consecutive5xxErrors): boolean => {
    let ejected = false;
    for (let at = 0; at < times; at += 1) ejected = detector.failed(state, states);
    return ejected;
  };
  return { clock, detector, states, first, fail };
}

test('failures in a row put an endpoint aside, and a success in between does not let them add up', (t) => {
  const { detector, first, fail } = under();
  t.false(fail(first, 2));
  detector.succeeded(first);
  t.false(fail(first, 2));
  t.true(detector.isIn(first));
  t.true(fail(first, 1));
  t.false(detector.isIn(first));
});

test('it is back by time, is away longer each time, and never longer than the most', async (t) => {
  const { clock, detector, first, fail } = under();
  for (const timeMs of [100_000, 200_000, 300_000, 300_000]) {
    t.true(fail());
    await clock.advance(timeMs - 1);
    t.false(detector.isIn(first));
    await clock.advance(1);
    t.true(detector.isIn(first), `after ${timeMs} ms`);
  }
});

test('good times make up for ejections', async (t) => {
  const { clock, detector, first, fail } = under();
  fail();
  await clock.advance(100_000);
  fail();
  t.is(first.ejections, 2);
  await clock.advance(200_000 + 100_000);
  t.true(detector.isIn(first));
  fail();
  t.is(first.ejections, 2, 'one base time without another ejection');
  await clock.advance(200_000 + 1_000_000);
  fail();
  t.is(first.ejections, 1);
});

test('no more than the share is aside at a time', async (t) => {
  const { clock, detector, states, fail } = under();
  const outcomes = states.map((state) => fail(state));
  t.deepEqual(outcomes, [true, true, false, false]);
  await clock.advance(100_000);
  const [, , third] = states;
  t.true(fail(third, 1), 'there is room again, and it has failed often enough');
  t.is(states.filter((state) => !detector.isIn(state)).length, 1);
});

test('of two one may be aside, whatever the share; of one none; without a number of errors none', (t) => {
  t.true(under({ maxEjectionPercent: 10 }, 2).fail());
  t.false(under({ maxEjectionPercent: 99 }, 1).fail());
  t.false(under({ consecutive5xxErrors: 0 }).fail(undefined, 100));
});

test('one that fails while it is aside is not put aside again', (t) => {
  const { first, fail } = under();
  t.true(fail());
  const { ejectedUntilMs } = first;
  t.false(fail());
  t.is(first.ejectedUntilMs, ejectedUntilMs);
});

test('ejections at the same moment end at different moments', (t) => {
  const clock = createManualClock();
  const draws = [0.1, 0.9];
  const detector = new OutlierDetector(
    { ...SETTINGS, consecutive5xxErrors: 1, maxEjectionPercent: 100 },
    { clock, random: () => draws.shift() ?? 0 },
  );
  const states = [newOutlierState(), newOutlierState()];
  for (const state of states) t.true(detector.failed(state, states));
  t.deepEqual(
    states.map(({ ejectedUntilMs }) => Math.round(ejectedUntilMs - clock.monotonicMs())),
    [101_000, 109_000],
  );
});
