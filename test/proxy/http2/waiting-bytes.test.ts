import test from 'ava';
import { WaitingBytes } from '../../../proxy/http2/waiting-bytes.ts';
import { createRandom } from '../../helpers/random.ts';

test('what is appended comes out in order, however it is taken', (t) => {
  const random = createRandom(9113);
  const unsent = new WaitingBytes();
  const expected: Buffer[] = [];
  const got: Buffer[] = [];
  for (let round = 0; round < 2_000; round += 1) {
    const chunk = Buffer.from(Array.from({ length: 1 + random(50) }, () => random(256)));
    expected.push(Buffer.from(chunk));
    unsent.append(chunk, random(2) === 0);
    if (random(3) > 0) continue;
    const bytes = random(unsent.length + 1);
    got.push(Buffer.from(unsent.bytes.subarray(0, bytes)));
    unsent.taken(bytes);
  }
  got.push(Buffer.from(unsent.bytes));
  t.true(Buffer.concat(got).equals(Buffer.concat(expected)));
});

test('what is not owned is copied, and what is owned is not', (t) => {
  const shared = Buffer.from('hello');
  const copied = new WaitingBytes();
  copied.append(shared, false);
  const kept = new WaitingBytes();
  kept.append(shared, true);
  shared.fill('X');
  t.is(copied.bytes.toString(), 'hello');
  t.is(kept.bytes.toString(), 'XXXXX');
  kept.append(Buffer.from(' more'), false);
  shared.fill('Y');
  t.is(kept.bytes.toString(), 'XXXXX more');
});

test('many small pieces are copied a few times each, and not again and again', (t) => {
  const unsent = new WaitingBytes();
  const memories = new Set<ArrayBufferLike>();
  for (let count = 0; count < 100_000; count += 1) {
    unsent.append(Buffer.of(count), false);
    memories.add(unsent.bytes.buffer);
  }
  t.is(unsent.length, 100_000);
  t.true(memories.size < 25, 'memory doubles');
});
