import test from 'ava';
import { drain, type Drainable } from '../../common/lifecycle.ts';
import { createManualClock } from '../helpers/manual-clock.ts';

/** Something that drains when it is told to, and remembers what was asked of it. */
function drainable(): { readonly target: Drainable; readonly asked: string[]; empty(): void } {
  const asked: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    asked,
    empty: resolve,
    target: {
      refuse: () => void asked.push('refuse'),
      idle: () => promise,
      force: () => void asked.push('force'),
    },
  };
}

test('what becomes idle in time is not forced, and no timer stays behind', async (t) => {
  const clock = createManualClock();
  const { target, asked, empty } = drainable();
  const drained = drain(target, { clock, deadlineMs: 30_000 });
  await clock.advance(29_999);
  t.deepEqual(asked, ['refuse']);
  empty();
  t.is(await drained, 'idle');
  t.deepEqual(asked, ['refuse']);
  t.deepEqual(clock.pending, []);
});

test('what does not become idle is forced at the deadline', async (t) => {
  const clock = createManualClock();
  const { target, asked } = drainable();
  const drained = drain(target, { clock, deadlineMs: 30_000 });
  await clock.advance(30_000);
  t.is(await drained, 'forced');
  t.deepEqual(asked, ['refuse', 'force']);
});

test('who is in a hurry does not wait for the deadline', async (t) => {
  const clock = createManualClock();
  const hurry = new AbortController();
  const { target, asked } = drainable();
  const drained = drain(target, { clock, deadlineMs: 30_000, forced: hurry.signal });
  hurry.abort();
  t.is(await drained, 'forced');
  t.deepEqual(asked, ['refuse', 'force']);
  t.deepEqual(clock.pending, []);
});

test('a drain that is forced before it begins does not wait at all', async (t) => {
  const { target } = drainable();
  const options = { clock: createManualClock(), deadlineMs: 30_000, forced: AbortSignal.abort() };
  t.is(await drain(target, options), 'forced');
});
