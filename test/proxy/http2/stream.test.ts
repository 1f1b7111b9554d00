// One stream with a connection that the test plays: what goes out when, what is held, and how it ends.
import { Duplex } from 'node:stream';
import test from 'ava';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { Outbox } from '../../../proxy/http2/outbox.ts';
import {
  DEFAULT_WINDOW_BYTES,
  ERROR_CODE,
  FRAME,
  MAX_WINDOW_BYTES,
} from '../../../proxy/http2/protocol.ts';
import { Http2Stream } from '../../../proxy/http2/stream.ts';
import type { StreamEnd } from '../../../proxy/http2/stream-observer.ts';
import { SocketTransport } from '../../../proxy/http2/transport/socket-transport.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { KeepingReceiver, parseFrames, settled, type SeenFrame } from './harness.ts';

const ID = 1;
const HALF_BYTES = Math.ceil(DEFAULT_WINDOW_BYTES / 2);

/** A transport whose writes are taken at once, or when the test says so. */
class Wire extends Duplex {
  readonly written: Buffer[] = [];
  stalled = false;
  #taken: (() => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.written.push(Buffer.from(chunk));
    if (this.stalled) this.#taken = callback;
    else callback();
  }

  resumeWrites(): void {
    this.stalled = false;
    this.#taken?.();
  }
}

function underTest({ sendWindowBytes = DEFAULT_WINDOW_BYTES, budgetBytes = 1_000_000 } = {}) {
  const wire = new Wire({ writableHighWaterMark: 64 * 1024 * 1024 });
  const clock = createManualClock();
  const budget = new MemoryBudget(budgetBytes);
  const outbox = new Outbox({
    transport: new SocketTransport(wire),
    mayServe: () => true,
    onOverflow: () => {},
  });
  const closed: boolean[] = [];
  const stream = new Http2Stream({
    id: ID,
    observer: undefined,
    sendWindowBytes,
    maxReceiveWindowBytes: 1024 * 1024,
    hasHead: true,
    host: {
      outbox,
      budget,
      owner: 'web',
      clock,
      transmit(one, chunk, maxBytes) {
        const bytes = Math.max(Math.min(maxBytes, one.sendWindowBytes, 16_384), 0);
        if (bytes > 0) outbox.frames.data(one.id, chunk, 0, bytes);
        Object.assign(one, { sendWindowBytes: one.sendWindowBytes - bytes });
        return bytes;
      },
      sendFields: (one, _fields, endStream) =>
        outbox.frames.headers(one.id, Buffer.alloc(0), endStream, 16_384),
      held() {},
      closed: (_stream, byReset) => void closed.push(byReset),
    },
  });
  const frames = async (): Promise<readonly SeenFrame[]> => {
    outbox.serve();
    await settled();
    return parseFrames(Buffer.concat(wire.written));
  };
  const sent = async (): Promise<string> =>
    Buffer.concat(
      (await frames()).filter(({ type }) => type === FRAME.DATA).map(({ payload }) => payload),
    ).toString();
  return { stream, wire, clock, budget, outbox, closed, frames, sent };
}

test('bytes leave at once, and the end with them', async (t) => {
  const { stream, frames, closed } = underTest();
  t.true(stream.write(Buffer.from('hello')));
  stream.end();
  const [data, ...others] = await frames();
  t.like(data, { type: FRAME.DATA, flags: 1, stream: ID });
  t.is(data?.payload.toString(), 'hello');
  t.deepEqual(others, []);
  t.false(stream.isClosed, 'the peer may go on');
  stream.remoteEnd();
  t.deepEqual(
    [stream.isClosed, stream.closedAs, stream.hasAllOfPeer],
    [true, { kind: 'ended' }, true],
  );
  t.deepEqual(closed, [false]);
});

test('what the window does not allow waits, is copied, and leaves in order when it opens', async (t) => {
  const { stream, budget, sent } = underTest({ sendWindowBytes: 3 });
  const receiver = new KeepingReceiver(stream);
  const shared = Buffer.from('hello');
  t.false(stream.write(shared));
  shared.fill('X');
  t.is(budget.totalBytes, 2, 'what waits is counted');
  stream.end();
  t.is(await sent(), 'hel');
  t.true(stream.openSendWindow(1));
  t.is(await sent(), 'hell');
  t.is(receiver.writtenBytes, 0);
  t.true(stream.openSendWindow(100));
  t.is(await sent(), 'hello');
  t.is(receiver.writtenBytes, 5);
  t.is(budget.totalBytes, 0);
  t.false(stream.write(Buffer.from('more')), 'nothing follows the end');
  t.is(await sent(), 'hello');
});

test('who had to wait hears that there is room', async (t) => {
  const { stream, sent } = underTest({ sendWindowBytes: 0 });
  const receiver = new KeepingReceiver(stream);
  t.false(stream.write(Buffer.from('a')));
  await sent();
  t.is(receiver.writtenBytes, 0);
  stream.openSendWindow(10);
  t.is(await sent(), 'a');
  t.is(receiver.writtenBytes, 1);
  t.true(stream.write(Buffer.from('b')));
  t.is(receiver.writtenBytes, 2);
});

test('no stream writes past what waits in the outbox', async (t) => {
  const { stream, wire, outbox, sent } = underTest({ sendWindowBytes: MAX_WINDOW_BYTES });
  const receiver = new KeepingReceiver(stream);
  wire.stalled = true;
  outbox.frames.ping(Buffer.alloc(8), false);
  await settled();
  const chunk = Buffer.alloc(16_384, 'x');
  let sends = 1;
  while (stream.write(chunk)) sends += 1;
  t.true(outbox.isFull);
  const waitingBytes = outbox.frames.length;
  t.false(stream.write(chunk));
  sends += 1;
  t.is(outbox.frames.length, waitingBytes);
  t.is(receiver.writtenBytes, (sends - 2) * chunk.length);
  wire.resumeWrites();
  t.is((await sent()).length, sends * chunk.length);
  t.is(receiver.writtenBytes, sends * chunk.length);
});

test('a stream that is given up while it waits in line hears of no room', async (t) => {
  const { stream, wire, outbox, sent } = underTest({ sendWindowBytes: MAX_WINDOW_BYTES });
  const receiver = new KeepingReceiver(stream);
  wire.stalled = true;
  outbox.frames.ping(Buffer.alloc(8), false);
  await settled();
  while (stream.write(Buffer.alloc(16_384)));
  t.false(stream.write(Buffer.from('never')));
  const { writtenBytes } = receiver;
  stream.terminate({ kind: 'reset', code: ERROR_CODE.CANCEL });
  wire.resumeWrites();
  t.false((await sent()).includes('never'));
  t.is(receiver.writtenBytes, writtenBytes);
});

test('a window beyond 2^31-1 is told of', (t) => {
  const { stream } = underTest({ sendWindowBytes: 1 });
  t.true(stream.openSendWindow(MAX_WINDOW_BYTES - 1));
  t.false(stream.openSendWindow(1));
});

test('what comes before there is a receiver is kept for it, and counted until it is consumed', (t) => {
  const { stream, budget } = underTest();
  const chunk = Buffer.from('early');
  t.true(stream.receive(chunk.length));
  stream.data(chunk, false);
  chunk.fill('X');
  stream.remoteEnd();
  t.is(budget.totalBytes, 5);
  const receiver = new KeepingReceiver(stream, { consumes: false });
  t.is(receiver.text, 'early');
  t.is(receiver.remoteEnds, 1);
  t.is(budget.totalBytes, 5);
  stream.holdSpare(3);
  t.is(budget.totalBytes, 8);
  stream.consumed(5);
  stream.holdSpare(0);
  t.is(budget.totalBytes, 0);
});

test('what comes early in pieces of one byte is gathered, and costs no object for each', (t) => {
  const { stream } = underTest();
  for (let at = 0; at < 1_000; at += 1) stream.data(Buffer.of(0x61 + (at % 26)), false);
  const chunks: Buffer[] = [];
  stream.attach({
    data: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
    end() {},
    written() {},
    spare() {},
    closed() {},
  });
  stream.start();
  t.deepEqual(
    chunks.map(({ length }) => length),
    [1_000],
  );
  t.true(chunks[0]?.toString().startsWith('abcdef'));
});

test('the peer may send more when half of the window was consumed, and no more than that', async (t) => {
  const { stream, clock, frames } = underTest();
  new KeepingReceiver(stream, { consumes: false });
  t.true(stream.receive(DEFAULT_WINDOW_BYTES));
  t.false(stream.receive(1), 'that is more than it was given');
  stream.consumed(HALF_BYTES - 1);
  t.deepEqual(await frames(), []);
  await clock.advance(60_000);
  stream.consumed(1);
  const [update] = await frames();
  t.is(update?.type, FRAME.WINDOW_UPDATE);
  t.is(update?.payload.readUInt32BE(0), HALF_BYTES);
  t.true(stream.receive(HALF_BYTES - 1));
  stream.remoteEnd();
  stream.consumed(DEFAULT_WINDOW_BYTES);
  t.is((await frames()).length, 1, 'who has ended needs no window');
});

test('a reset gives up all that is held, on both sides, and nobody hears of it', async (t) => {
  const { stream, budget, closed, frames } = underTest({ sendWindowBytes: 0 });
  const receiver = new KeepingReceiver(stream, { consumes: false });
  stream.data(Buffer.alloc(100), false);
  stream.write(Buffer.alloc(50));
  t.is(budget.totalBytes, 150);
  stream.reset(ERROR_CODE.CANCEL);
  stream.reset(ERROR_CODE.CANCEL);
  t.is(budget.totalBytes, 0);
  const resets = await frames();
  t.is(resets.length, 1);
  t.is(resets[0]?.payload.readUInt32BE(0), ERROR_CODE.CANCEL);
  t.deepEqual([receiver.ends, stream.closedAs, closed], [[], undefined, [true]]);
  t.true(stream.openSendWindow(100));
  t.is((await frames()).length, 1, 'what waited is gone');
});

for (const end of [
  { kind: 'reset', code: ERROR_CODE.CANCEL },
  { kind: 'broken', code: ERROR_CODE.FLOW_CONTROL_ERROR },
  { kind: 'lost' },
] satisfies StreamEnd[]) {
  test(`a stream that is ${end.kind} tells its receiver once, and holds nothing`, (t) => {
    const { stream, budget, closed } = underTest();
    const receiver = new KeepingReceiver(stream, { consumes: false });
    stream.data(Buffer.alloc(100), false);
    stream.terminate(end);
    stream.terminate({ kind: 'lost' });
    t.deepEqual(receiver.ends, [end.kind === 'broken' ? 'reset' : end.kind]);
    t.deepEqual([stream.closedAs, stream.hasAllOfPeer], [end, false]);
    t.is(budget.totalBytes, 0);
    t.deepEqual(closed, [end.kind === 'broken']);
  });
}

test('a receiver that comes after the peer has said all hears all, and its end', (t) => {
  const { stream } = underTest();
  stream.data(Buffer.from('all'), false);
  stream.remoteEnd();
  stream.terminate({ kind: 'unread' });
  const receiver = new KeepingReceiver(stream);
  t.deepEqual([receiver.text, receiver.remoteEnds, receiver.ends], ['all', 1, ['unread']]);
});

test('when memory runs out the stream is reset, and says why', async (t) => {
  const { stream, budget, frames, closed } = underTest({ budgetBytes: 99 });
  const receiver = new KeepingReceiver(stream, { consumes: false });
  stream.data(Buffer.alloc(100), false);
  t.deepEqual(receiver.ends, ['shed']);
  t.deepEqual([budget.totalBytes, budget.shedCount, closed], [0, 1, [true]]);
  const [reset] = await frames();
  t.is(reset?.type, FRAME.RST_STREAM);
  t.is(reset?.payload.readUInt32BE(0), ERROR_CODE.ENHANCE_YOUR_CALM);
});

test('an answer that is only interim is no head, and an observer hears the end of a stream without receiver', (t) => {
  const heard: StreamEnd[] = [];
  const { stream } = underTest();
  stream.observe({ headers: () => false, ended: (end) => void heard.push(end) });
  stream.headers([], false);
  stream.terminate({ kind: 'lost' });
  t.deepEqual(heard, [{ kind: 'lost' }]);
});
