import test from 'ava';
import { createGuard, guardedClock } from '../../common/guard.ts';
import { repeat } from '../../common/repeat.ts';
import { createLogRecorder } from '../helpers/log-recorder.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

function rig() {
  const clock = createManualClock();
  const guard = createGuard({ clock, logger: createLogRecorder().logger });
  return { clock, guard, guarded: guardedClock(clock, guard) };
}

test('the work is done after each pause, which begins when it has ended', async (t) => {
  const { clock, guarded } = rig();
  let count = 0;
  let end = (): void => {};
  const repeated = repeat(guarded, 100, async () => {
    count += 1;
    await new Promise<void>((resolve) => (end = resolve));
  });
  await clock.advance(99);
  t.is(count, 0);
  await clock.advance(1_000);
  t.is(count, 1, 'one at a time');
  end();
  await clock.advance(99);
  t.is(count, 1);
  await clock.advance(1);
  t.is(count, 2);
  end();
  await repeated.close();
  await clock.advance(1_000);
  t.is(count, 2);
});

for (const [how, work] of [
  [
    'throws',
    (): void => {
      throw new Error('broken');
    },
  ],
  ['rejects', (): Promise<void> => Promise.reject(new Error('broken'))],
] as const) {
  test(`work that ${how} is done again, and the guard has seen it`, async (t) => {
    const { clock, guard, guarded } = rig();
    let count = 0;
    const repeated = repeat(guarded, 100, () => {
      count += 1;
      return work();
    });
    for (let round = 0; round < 3; round += 1) await clock.advance(100);
    t.is(count, 3);
    t.is(guard.counts().get('timer'), 3);
    await repeated.close();
  });
}

test('the end waits for what is under way, and not for what failed', async (t) => {
  const { clock, guarded } = rig();
  let end = (): void => {};
  const repeated = repeat(guarded, 100, () => new Promise<void>((resolve) => (end = resolve)));
  await clock.advance(100);
  let closed = false;
  const closing = repeated.close().then(() => (closed = true));
  await clock.advance(1_000);
  t.false(closed);
  end();
  await closing;
  t.deepEqual(clock.pending, []);
});
