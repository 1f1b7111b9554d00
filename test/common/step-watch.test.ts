import test from 'ava';
import { createStepWatch, type EpochMs } from '../../common/clock.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

/** A clock that tells nobody when its wall side is set, as that of the system. */
function silentClock() {
  const { advance, after, epochMs, monotonicMs, step } = createManualClock();
  const clock = { after, epochMs, monotonicMs };
  return { clock, advance, step, onStep: createStepWatch(clock) };
}

for (const stepMs of [-3_600_000, -300, 300, 3_600_000]) {
  test(`a step of ${stepMs} ms is noticed within a second, once, by all`, async (t) => {
    const { advance, onStep, step } = silentClock();
    const heard: string[] = [];
    onStep(() => heard.push('one'));
    onStep(() => heard.push('other'));
    await advance(10_000);
    t.deepEqual(heard, []);
    step(stepMs);
    await advance(1_000);
    t.deepEqual(heard, ['one', 'other']);
    await advance(10_000);
    t.is(heard.length, 2);
  });
}

test('small steps are noticed together', async (t) => {
  const { advance, onStep, step } = silentClock();
  let heard = 0;
  onStep(() => (heard += 1));
  step(200);
  await advance(1_000);
  t.is(heard, 0);
  step(200);
  await advance(1_000);
  t.is(heard, 1);
});

test('a listener that throws does not end the watch', async (t) => {
  const { advance, onStep, step } = silentClock();
  let heard = 0;
  onStep(() => {
    heard += 1;
    throw new Error('odd');
  });
  step(1_000);
  await t.throwsAsync(advance(1_000));
  step(1_000);
  await t.throwsAsync(advance(1_000));
  t.is(heard, 2);
});

test('what was before anybody listened is not told, and nothing runs when nobody does', async (t) => {
  const manual = createManualClock();
  let offsetMs = 0;
  const clock = { ...manual, epochMs: () => (manual.epochMs() + offsetMs) as EpochMs };
  const onStep = createStepWatch(clock);
  t.is(manual.pending.length, 0);
  offsetMs = 3_600_000;
  const [one, other] = [onStep(() => t.fail()), onStep(() => t.fail())];
  await manual.advance(5_000);
  t.is(manual.pending.length, 1);
  one.cancel();
  one.cancel();
  t.is(manual.pending.length, 1);
  other.cancel();
  t.is(manual.pending.length, 0);
  offsetMs = 0;
  await manual.advance(5_000);
});
