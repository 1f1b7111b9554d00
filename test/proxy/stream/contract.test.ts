// What holds for every stream, whatever carries it: the table is of the implementations.
import test, { type ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { Listener, STREAMS, type StreamPair } from './stream-pairs.ts';

async function until(what: string, condition: () => boolean): Promise<void> {
  const waiting = async (): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  };
  await within(what, waiting());
}

/** Writes as a program that keeps to what it is told does, and says how many bytes that were. */
function writeUntilFull(from: Listener, most = 64 * 1024 * 1024): number {
  const chunk = Buffer.alloc(16 * 1024, 'x');
  let bytes = 0;
  for (let goesOn = true; goesOn && bytes < most;) {
    goesOn = from.stream.write(chunk, true);
    bytes += chunk.length;
  }
  return bytes;
}

for (const [kind, open] of Object.entries(STREAMS)) {
  /** The same in each direction: who begins is the first of the two. */
  const each = (
    title: string,
    body: (t: ExecutionContext, pair: StreamPair) => Promise<void>,
  ): void => {
    test(`${kind}: ${title}`, async (t) => await body(t, await open(t)));
    test(`${kind}, from the other end: ${title}`, async (t) => {
      const { one, other } = await open(t);
      await body(t, { one: other, other: one });
    });
  };

  each('half of it ends, and the other half goes on', async (t, pair) => {
    const [one, other] = [new Listener(pair.one), new Listener(pair.other)];
    pair.one.write(Buffer.from('question'));
    pair.one.end();
    await until('the end of one half', () => other.ends === 1);
    t.is(other.text, 'question');
    t.deepEqual([one.closes, other.closes], [[], []]);
    pair.other.write(Buffer.from('answer'));
    pair.other.end();
    await until('the end of both', () => one.closes.length + other.closes.length === 2);
    t.is(one.text, 'answer');
    t.deepEqual([one.closes, other.closes], [['ended'], ['ended']]);
    t.deepEqual([one.ends, other.ends], [1, 1]);
    t.deepEqual([one.writtenBytes, other.writtenBytes], [8, 6]);
    t.true(pair.one.isClosed && pair.other.isClosed);
  });

  each('a reset is heard as one, and never as an end', async (t, pair) => {
    const [one, other] = [new Listener(pair.one), new Listener(pair.other)];
    pair.other.write(Buffer.from('half of an ans'));
    await until('the bytes', () => one.bytes > 0);
    pair.one.write(Buffer.from('half of a ques'));
    await until('the bytes', () => other.bytes > 0);
    pair.one.reset();
    await until('the reset', () => other.closes.length > 0);
    t.deepEqual(other.closes, ['reset']);
    t.deepEqual([one.ends, other.ends], [0, 0]);
    t.true(one.closes.every((how) => how === 'reset'));
    t.true(pair.one.isClosed && pair.other.isClosed);
  });

  each('who is attached hears nothing before the start', async (t, pair) => {
    const other = new Listener(pair.other);
    const closes: string[] = [];
    pair.one.attach({
      data: () => true,
      end: () => {},
      written: () => {},
      spare: () => {},
      closed: (how) => closes.push(how),
    });
    pair.one.reset();
    await until('the reset', () => other.closes.length > 0);
    t.deepEqual(closes, []);
    pair.one.start();
    t.is(closes.length, 1);
    t.not(closes[0], 'ended');
  });

  each('a reset after a half-close is heard too', async (t, pair) => {
    const [one, other] = [new Listener(pair.one), new Listener(pair.other)];
    pair.one.end();
    await until('the end of one half', () => other.ends === 1);
    pair.one.reset();
    pair.other.write(Buffer.alloc(100_000));
    await until('the reset', () => other.closes.length > 0);
    t.deepEqual(other.closes, ['reset']);
    t.is(one.ends, 0);
  });

  each('what is written after a reset goes nowhere and harms nothing', async (t, pair) => {
    const [, other] = [new Listener(pair.one), new Listener(pair.other)];
    pair.one.reset();
    await until('the reset', () => other.closes.length > 0);
    const before = other.writtenBytes;
    t.false(pair.other.write(Buffer.from('too late')));
    pair.other.end();
    pair.other.close();
    pair.other.reset();
    await new Promise((resolve) => setImmediate(resolve));
    t.is(other.writtenBytes, before);
    t.deepEqual(other.closes, ['reset']);
  });

  each(
    'a reader that does not take stops the writer, and all arrives when it does',
    async (t, pair) => {
      const one = new Listener(pair.one);
      const other = new Listener(pair.other, { isStalled: true });
      let sentBytes = 0;
      // The system takes some megabytes for a socket; then nothing more is reported.
      for (let quietTurns = 0; quietTurns < 50;) {
        const before = one.writtenBytes;
        if (one.writtenBytes === sentBytes) sentBytes += writeUntilFull(one);
        await new Promise((resolve) => setImmediate(resolve));
        quietTurns = one.writtenBytes === before ? quietTurns + 1 : 0;
        if (sentBytes > 256 * 1024 * 1024) return t.fail('it takes without an end');
      }
      t.true(sentBytes > one.writtenBytes, 'the writer was not stopped');
      t.true(other.bytes < sentBytes);
      other.take();
      await until('the rest', () => other.bytes === sentBytes);
      await until('the report', () => one.writtenBytes === sentBytes);
      t.deepEqual([one.closes, other.closes], [[], []]);
    },
  );

  each(
    'a reader that says it is enough and has taken all by then is not stopped',
    async (t, pair) => {
      const one = new Listener(pair.one);
      const other = new Listener(pair.other, { saysEnough: true });
      const sentBytes = writeUntilFull(one, 4 * 1024 * 1024);
      await until('all of it', () => other.bytes === sentBytes);
      pair.one.write(Buffer.from('and more'));
      await until('what follows', () => other.bytes === sentBytes + 8);
      t.deepEqual([one.closes, other.closes], [[], []]);
    },
  );

  each('an end behind bytes that wait comes after them', async (t, pair) => {
    const one = new Listener(pair.one);
    const other = new Listener(pair.other, { isStalled: true });
    let sentBytes = 0;
    for (let turn = 0; turn < 20; turn += 1) {
      sentBytes += writeUntilFull(one, 1024 * 1024);
      await new Promise((resolve) => setImmediate(resolve));
    }
    pair.one.end();
    t.is(other.ends, 0);
    other.take();
    await until('the end', () => other.ends === 1);
    t.is(other.bytes, sentBytes);
    t.is(one.writtenBytes, sentBytes);
  });

  each('who closes reads no more, and has said everything', async (t, pair) => {
    const [one, other] = [new Listener(pair.one), new Listener(pair.other)];
    const sentBytes = writeUntilFull(one, 4 * 1024 * 1024);
    pair.one.close();
    await until('the end', () => other.ends === 1);
    t.is(other.bytes, sentBytes);
    await until('that it is closed', () => one.closes.length > 0);
    t.deepEqual(one.closes, ['ended']);
    pair.other.write(Buffer.from('nobody reads it'));
    pair.other.reset();
    t.is(one.bytes, 0);
  });

  each('what is handed to another receiver is handed over whole', async (t, pair) => {
    new Listener(pair.other);
    const first = new Listener(pair.one);
    pair.other.write(Buffer.from('first'));
    await until('the first bytes', () => first.bytes === 5);
    pair.one.detach();
    pair.other.write(Buffer.from('second'));
    pair.other.end();
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const second = new Listener(pair.one);
    await until('the end', () => second.ends === 1);
    t.is(second.text, 'second');
    t.deepEqual([first.text, first.ends, first.closes], ['first', 0, []]);
  });

  each('a stream that broke before somebody listened says so at the start', async (t, pair) => {
    new Listener(pair.other);
    pair.one.reset();
    const late = new Listener(pair.one);
    t.is(late.closes.length, 1);
    t.not(late.closes[0], 'ended');
    t.deepEqual([late.ends, late.bytes], [0, 0]);
    t.false(pair.one.write(Buffer.from('x')));
    await Promise.resolve();
  });
}
