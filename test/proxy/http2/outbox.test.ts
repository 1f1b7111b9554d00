import { Duplex } from 'node:stream';
import test from 'ava';
import { Outbox } from '../../../proxy/http2/outbox.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { UnreadBytes } from '../../../proxy/http2/unread-bytes.ts';
import type { Sender } from '../../../proxy/http2/outbox.ts';
import { SocketTransport } from '../../../proxy/http2/transport/socket-transport.ts';
import { parseFrames, settled } from './harness.ts';

/** A transport that takes a write when the test says so. */
class SlowTransport extends Duplex {
  readonly writes: Buffer[] = [];
  #taken: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.writes.push(Buffer.from(chunk));
    this.#taken = callback;
  }

  finishWrite(): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.();
  }
}

function outboxUnderTest(unread?: UnreadBytes) {
  const transport = new SlowTransport({ writableHighWaterMark: 16 * 1024 * 1024 });
  const state = { mayServe: true, overflows: 0 };
  const outbox = new Outbox({
    transport: new SocketTransport(transport),
    mayServe: () => state.mayServe,
    onOverflow: () => (state.overflows += 1),
    ...(unread && { unread }),
  });
  /** Has so many bytes to send. */
  const sender = (streamId: number, bytes: number): Sender & { left: number } => ({
    left: bytes,
    sendSome(maxBytes) {
      const sent = Math.min(maxBytes, this.left);
      outbox.frames.data(streamId, Buffer.alloc(sent), 0, sent);
      this.left -= sent;
      return this.left > 0;
    },
  });
  return { transport, state, outbox, sender };
}

const ANSWER = Buffer.alloc(8);

test('what is sent in one turn leaves in one write, and what comes meanwhile in the next', async (t) => {
  const { transport, outbox } = outboxUnderTest();
  outbox.frames.ping(ANSWER, true);
  outbox.frames.ping(ANSWER, true);
  await settled();
  t.is(transport.writes.length, 1);
  outbox.frames.ping(ANSWER, true);
  await settled();
  outbox.frames.ping(ANSWER, true);
  await settled();
  t.is(transport.writes.length, 1, 'one write at a time');
  transport.finishWrite();
  await settled();
  t.deepEqual(
    transport.writes.map((bytes) => parseFrames(bytes).length),
    [2, 2],
  );
});

test('a transport that takes all at once gets one write for a quiet callback, and one for the rest of the turn', async (t) => {
  const writes: number[] = [];
  const outbox = new Outbox({
    transport: {
      isWritable: true,
      open() {},
      write(bytes, written) {
        writes.push(parseFrames(bytes).length);
        written();
      },
      end() {},
      destroy() {},
    },
    mayServe: () => true,
    onOverflow: () => t.fail(),
  });
  /** Callbacks of one turn of the event loop, with what each has scheduled in between. */
  const turnOf = async (callbacks: number): Promise<void> => {
    for (let count = 0; count < callbacks; count += 1) {
      outbox.frames.ping(ANSWER, true);
      await Promise.resolve();
    }
  };
  await turnOf(1);
  t.deepEqual(writes, [1], 'nothing to wait for');
  await settled();
  await turnOf(4);
  t.deepEqual(writes, [1, 1]);
  await settled();
  t.deepEqual(writes, [1, 1, 3]);
  await turnOf(3);
  await settled();
  t.deepEqual(writes, [1, 1, 3, 3], 'busy: the end of the turn is waited for');
  await turnOf(1);
  await settled();
  await turnOf(1);
  t.deepEqual(writes, [1, 1, 3, 3, 1, 1], 'quiet again');
});

test('senders take turns: a small one beside large ones is served in the first round', async (t) => {
  const { transport, outbox, sender } = outboxUnderTest();
  const large = [1, 3, 5].map((id) => sender(id, 1024 * 1024));
  const small = sender(7, 100);
  for (const one of [...large, small]) outbox.wait(one);
  outbox.serve();
  for (let round = 0; round < 40; round += 1) {
    await settled(2);
    transport.finishWrite();
  }
  const order = transport.writes.flatMap((bytes) => parseFrames(bytes)).map(({ stream }) => stream);
  t.deepEqual(order.slice(0, 7), [1, 3, 5, 7, 1, 3, 5]);
  t.true(
    [...large, small].every(({ left }) => left === 0),
    'nobody was forgotten',
  );
  // Nobody gets two turns before everybody else has had one.
  for (let at = 4; at + 3 <= order.length; at += 3) {
    t.deepEqual(order.slice(at, at + 3).toSorted(), [1, 3, 5]);
  }
});

test('nobody is served while the window of the connection is closed, nor when it is full', async (t) => {
  const { outbox, sender, state } = outboxUnderTest();
  const one = sender(1, 10 * 1024 * 1024);
  outbox.wait(one);
  state.mayServe = false;
  outbox.serve();
  t.is(outbox.frames.length, 0);
  state.mayServe = true;
  outbox.serve();
  t.true(outbox.isFull);
  t.true(outbox.frames.length < 512 * 1024);
  const before = one.left;
  outbox.serve();
  t.is(one.left, before);
});

test('one who is taken out of the line gets no turn', (t) => {
  const { outbox, sender } = outboxUnderTest();
  const [one, other] = [sender(1, 10), sender(3, 10)];
  outbox.wait(one);
  outbox.wait(other);
  outbox.forget(one);
  outbox.serve();
  t.is(one.left, 10);
  t.is(other.left, 0);
});

test('answers that are not read overflow it, once there are more than a MiB of them', async (t) => {
  const { outbox, state, transport } = outboxUnderTest();
  outbox.frames.ping(ANSWER, true);
  await settled();
  t.is(transport.writes.length, 1);
  while (state.overflows === 0) outbox.frames.ping(ANSWER, true);
  t.true(outbox.frames.length > 1024 * 1024 && outbox.frames.length < 2 * 1024 * 1024);
});

test('the end comes behind everything that waits, and nothing behind the end', async (t) => {
  const { outbox, transport } = outboxUnderTest();
  outbox.frames.ping(ANSWER, true);
  await settled();
  outbox.frames.goaway(0, 0);
  outbox.end();
  outbox.frames.ping(ANSWER, true);
  transport.finishWrite();
  await settled();
  transport.finishWrite();
  await settled();
  t.true(transport.writableFinished);
  t.deepEqual(
    transport.writes.flatMap((bytes) => parseFrames(bytes)).map(({ type }) => type),
    [6, 7],
  );
});

/** An outbox whose peer's account is the test's to look at. */
function countedOutbox(limitBytes = 64 * 1024 * 1024) {
  const budget = new MemoryBudget(limitBytes);
  const state = { shed: 0 };
  const unread = new UnreadBytes(budget, 'peer', () => (state.shed += 1));
  return { budget, shed: state, ...outboxUnderTest(unread) };
}

const KIB = 1024;

test('what the peer does not read is on its account until it has, or is gone', async (t) => {
  const { transport, outbox, sender, budget } = countedOutbox();
  outbox.frames.data(1, Buffer.alloc(8 * KIB), 0, 8 * KIB);
  await settled();
  t.is(budget.totalBytes, 0, 'little is not counted');
  outbox.wait(sender(3, 10_000_000));
  outbox.serve();
  const waiting = 8 * KIB + outbox.frames.length + 9;
  t.true(waiting > 256 * KIB);
  t.true(budget.totalBytes > waiting - 64 * KIB && budget.totalBytes <= waiting);
  transport.finishWrite();
  await settled();
  outbox.serve();
  t.true(budget.totalBytes >= 448 * KIB, 'one write is under way, and another one waits');
  outbox.release();
  t.is(budget.totalBytes, 0);
  transport.finishWrite();
  await settled();
  t.is(budget.totalBytes, 0, 'nor is anything counted later');
});

test('what has been read is not counted any more', async (t) => {
  const { transport, outbox, budget } = countedOutbox();
  outbox.frames.data(1, Buffer.alloc(100 * KIB), 0, 100 * KIB);
  await settled();
  t.true(budget.totalBytes >= 100 * KIB);
  transport.finishWrite();
  await settled();
  t.is(budget.totalBytes, 0);
});

test('of what waits half is counted at least, however small the frames are', async (t) => {
  const { outbox, budget } = countedOutbox();
  const frame = Buffer.alloc(3 * KIB);
  for (let waiting = 0; waiting < 400 * KIB;) {
    outbox.frames.data(1, frame, 0, frame.length);
    await settled();
    waiting += frame.length + 9;
    if (waiting < 16 * KIB) continue;
    t.true(budget.totalBytes * 2 >= waiting, `${budget.totalBytes} of ${waiting}`);
    t.true(budget.totalBytes <= waiting);
  }
});

test('who has read a part does not end before who has read nothing, also with more left than was counted', async (t) => {
  const budget = new MemoryBudget(128 * KIB);
  const shed: string[] = [];
  const unreadOf = (name: string): UnreadBytes =>
    new UnreadBytes(budget, 'peer', () => shed.push(name));
  const [reader, other, third] = [unreadOf('reader'), unreadOf('other'), unreadOf('third')];
  reader.grew(33 * KIB);
  other.grew(33 * KIB);
  reader.grew(64 * KIB);
  reader.shrank(40 * KIB);
  t.is(budget.totalBytes, 73 * KIB);
  third.grew(64 * KIB);
  await settled();
  t.deepEqual(shed, ['other']);
});

test('where memory is scarce little waits for a peer that has much of it, and others are as fast as before', async (t) => {
  const { transport, outbox, sender, budget } = countedOutbox(16 * 1024 * KIB);
  const other = { owner: 'peer', shed() {} };
  budget.set(other, 9_600 * KIB);
  outbox.frames.data(1, Buffer.alloc(1), 0, 1);
  await settled();
  for (const at of [3, 5, 7]) outbox.wait(sender(at, 10_000_000));
  outbox.serve();
  t.true(outbox.isFull);
  t.true(outbox.frames.length < 33 * KIB);
  budget.set(other, 0);
  budget.set({ owner: 'somebody', shed() {} }, 9_600 * KIB);
  t.false(budget.isRoomy);
  outbox.serve();
  t.true(outbox.frames.length > 256 * KIB);
  transport.finishWrite();
});

test('a peer that reads nothing when memory is needed is told of once, after the code that is running', async (t) => {
  const { outbox, budget, shed } = countedOutbox(128 * KIB);
  outbox.frames.data(1, Buffer.alloc(130 * KIB), 0, 130 * KIB);
  t.is(shed.shed, 0);
  await settled();
  t.is(shed.shed, 1);
  t.is(budget.totalBytes, 0);
  t.is(budget.shedCount, 1);
  outbox.frames.data(1, Buffer.alloc(130 * KIB), 0, 130 * KIB);
  await settled();
  t.is(shed.shed, 1);
});
