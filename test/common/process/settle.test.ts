import { cachedDataVersionTag } from 'node:v8';
import test, { type ExecutionContext } from 'ava';
import { createRelease, settleWhenQuiet } from '../../../common/process/settle.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

function setUp() {
  const clock = createManualClock();
  const state = { connections: 0, released: 0, megabytes: 100 };
  const settling = settleWhenQuiet({
    clock,
    done: () => ({ connections: state.connections }),
    release: () => void (state.released += 1),
    residentBytes: () => state.megabytes * 1024 * 1024,
  });
  return { clock, state, settling };
}

test('memory is given back once, when half a second has passed without work', async (t) => {
  const { clock, state } = setUp();
  await clock.advance(499);
  t.is(state.released, 0);
  await clock.advance(1);
  t.is(state.released, 1);
  await clock.advance(60_000);
  t.is(state.released, 1);
});

test('not while there is work', async (t) => {
  const { clock, state } = setUp();
  for (let round = 0; round < 20; round += 1) {
    await clock.advance(400);
    state.connections += 1;
  }
  t.is(state.released, 0);
  await clock.advance(1_000);
  t.is(state.released, 1);
});

test('and again, 10 seconds after work that has made the process grow', async (t) => {
  const { clock, state } = setUp();
  await clock.advance(500);
  t.is(state.released, 1);
  state.connections += 1;
  state.megabytes = 115;
  await clock.advance(60_000);
  t.is(state.released, 1, 'too little to pay');
  state.connections += 1;
  state.megabytes = 150;
  for (let round = 0; round < 20; round += 1) {
    await clock.advance(4_000);
    state.connections += 1;
  }
  t.is(state.released, 1, 'it works');
  await clock.advance(20_000);
  t.is(state.released, 2);
  state.megabytes = 200;
  await clock.advance(60_000);
  t.is(state.released, 2, 'it has done nothing since');
});

test('not after it was closed', async (t) => {
  const { clock, state, settling } = setUp();
  await clock.advance(100);
  await settling.close();
  await clock.advance(60_000);
  t.is(state.released, 0);
});

test('what is released includes what malloc keeps, and V8 is as before', (t) => {
  const before = cachedDataVersionTag();
  let trimmed = 0;
  let unmapped = 0;
  const release = createRelease(
    () => void (trimmed += 1),
    undefined,
    () => void (unmapped += 1),
  );
  release();
  t.is(trimmed, 1);
  t.is(unmapped, 1);
  // With other flags no compiled code would be accepted any more.
  t.is(cachedDataVersionTag(), before);
  release();
  t.is(trimmed, 2);
  t.is(unmapped, 1, 'what runs now is needed');
});

test.serial(
  'where several collections would take long one is made, and where one would, none',
  (t) => {
    const collected = recordCollections(t);
    let trimmed = 0;
    const trim = (): void => void (trimmed += 1);
    const { heapUsed } = process.memoryUsage();
    createRelease(trim, heapUsed / 2, null)();
    t.deepEqual([trimmed, collected], [1, []]);
    createRelease(trim, heapUsed * 1.5, null)();
    t.deepEqual([trimmed, collected], [2, ['regular']]);
    createRelease(trim, heapUsed * 4, null)();
    t.deepEqual([trimmed, collected], [3, ['regular', 'last-resort']]);
  },
);

test.serial(
  'without a malloc that can be trimmed, or code that can be unmapped, the rest is released',
  (t) => {
    const collected = recordCollections(t);
    let unmapped = 0;
    createRelease(null, undefined, () => void (unmapped += 1))();
    t.deepEqual([collected.length, unmapped], [1, 1]);
    let trimmed = 0;
    createRelease(() => void (trimmed += 1), undefined, null)();
    t.deepEqual([collected.length, trimmed], [2, 1]);
  },
);

/** The flavors of those that are asked for from now on, none of which is made. */
function recordCollections(t: ExecutionContext): readonly unknown[] {
  const collected: unknown[] = [];
  const { gc } = globalThis;
  t.teardown(() => void (globalThis.gc = gc));
  const record = ({ flavor }: { flavor: string }): void => void collected.push(flavor);
  globalThis.gc = record as typeof gc;
  return collected;
}
