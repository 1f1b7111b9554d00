import test from 'ava';
import { KeptBytes, KeptMemory } from '../../../../proxy/http/observe/kept-bytes.ts';

test('what is kept is what came, in its order, and its memory is given back', (t) => {
  const memory = new KeptMemory();
  const kept = new KeptBytes(memory);
  const chunk = Buffer.from('0123456789');
  for (let times = 0; times < 300; times += 1) kept.append(chunk, 2, 7);
  t.is(kept.bytes.toString(), '23456'.repeat(300));
  t.true(memory.usedBytes >= 1_500);
  kept.clear();
  t.is(kept.length, 0);
  t.is(memory.usedBytes, 0);
  kept.append(chunk, 0, 1);
  t.is(kept.bytes.toString(), '0');
});

test('one head has its bound, and all together have theirs', (t) => {
  const memory = new KeptMemory(100_000);
  const first = new KeptBytes(memory);
  const chunk = Buffer.alloc(40_000);
  first.append(chunk, 0, 40_000);
  t.throws(() => first.append(chunk, 0, 40_000), { code: 'too-large' });
  const second = new KeptBytes(memory);
  second.append(chunk, 0, 40_000);
  const third = new KeptBytes(memory);
  t.throws(() => third.append(chunk, 0, 40_000), { code: 'memory' });
  first.clear();
  third.append(chunk, 0, 40_000);
  t.is(third.length, 40_000);
});
