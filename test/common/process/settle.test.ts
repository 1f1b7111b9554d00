import { cachedDataVersionTag } from 'node:v8';
import test from 'ava';
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

test.serial('where a collection would take long, only what malloc keeps is released', (t) => {
  const collected: unknown[] = [];
  const { gc } = globalThis;
  t.teardown(() => void (globalThis.gc = gc));
  globalThis.gc = ((how: unknown) => void collected.push(how)) as typeof gc;
  let trimmed = 0;
  const trim = (): void => void (trimmed += 1);
  createRelease(trim, 1)();
  t.deepEqual([trimmed, collected.length], [1, 0]);
  createRelease(trim, Number.MAX_SAFE_INTEGER)();
  t.deepEqual([trimmed, collected.length], [2, 1]);
});

test('without a malloc that can be trimmed the rest is released', (t) => {
  t.notThrows(createRelease(undefined, undefined, undefined));
});
