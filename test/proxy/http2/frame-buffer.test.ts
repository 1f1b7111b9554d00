import test from 'ava';
import { FrameBuffer } from '../../../proxy/http2/frame-buffer.ts';
import { giveBackMemory, LARGE_BYTES, SMALL_BYTES } from '../../../proxy/http2/frame-memory.ts';
import { FRAME } from '../../../proxy/http2/protocol.ts';
import { parseFrames, uint32 } from './harness.ts';

function bufferUnderTest() {
  let appended = 0;
  const frames = new FrameBuffer(() => (appended += 1));
  return { frames, appended: () => appended };
}

test('the end of a stream goes with its last DATA, unless a frame is between or that has left', (t) => {
  const { frames } = bufferUnderTest();
  const flagsOf = (): number[] => parseFrames(frames.take()).map(({ flags }) => flags);
  const hello = Buffer.from('hello');
  frames.data(1, hello, 0, 5);
  frames.endStream(1);
  frames.data(3, hello, 0, 5);
  frames.settingsAck();
  frames.endStream(3);
  frames.data(5, hello, 0, 5);
  frames.endStream(7);
  frames.endStream(5);
  frames.data(9, hello, 0, 5);
  t.deepEqual(flagsOf(), [1, 0, 1, 1, 0, 1, 1, 0]);
  frames.endStream(9);
  t.deepEqual(flagsOf(), [1]);
});

test('every frame is written as the RFC has it', (t) => {
  const { frames, appended } = bufferUnderTest();
  frames.settings([
    [3, 200],
    [6, 2 ** 32 - 1],
  ]);
  frames.settingsAck();
  frames.headers(1, Buffer.of(0x88), false, 16_384);
  frames.headers(3, Buffer.of(0x8c), true, 16_384);
  frames.data(1, Buffer.from('xhellox'), 1, 6);
  frames.data(2 ** 31 - 1, Buffer.from('all'), 0, 3);
  frames.endStream(1);
  frames.reset(5, 11);
  frames.ping(uint32(1, 2), false);
  frames.ping(uint32(3, 4), true);
  frames.goaway(2 ** 31 - 1, 2 ** 32 - 1);
  frames.windowUpdate(0, 2 ** 31 - 1);
  t.is(appended(), 12);
  t.is(frames.frames, 12);
  const bytes = frames.take();
  const seen = parseFrames(bytes).map(({ type, flags, stream, payload }) => [
    type,
    flags,
    stream,
    payload.toString('hex'),
  ]);
  t.deepEqual(seen, [
    [FRAME.SETTINGS, 0, 0, '0003000000c80006ffffffff'],
    [FRAME.SETTINGS, 1, 0, ''],
    [FRAME.HEADERS, 4, 1, '88'],
    [FRAME.HEADERS, 5, 3, '8c'],
    [FRAME.DATA, 0, 1, '68656c6c6f'],
    [FRAME.DATA, 0, 2 ** 31 - 1, '616c6c'],
    [FRAME.DATA, 1, 1, ''],
    [FRAME.RST_STREAM, 0, 5, '0000000b'],
    [FRAME.PING, 0, 0, '0000000100000002'],
    [FRAME.PING, 1, 0, '0000000300000004'],
    [FRAME.GOAWAY, 0, 0, '7fffffffffffffff'],
    [FRAME.WINDOW_UPDATE, 0, 0, '7fffffff'],
  ]);
  t.is(frames.length, 0);
  t.is(frames.frames, 0);
  t.is(frames.take().length, 0, 'what was taken is not there twice');
});

test('more than a buffer holds is kept whole, whatever it grows to', (t) => {
  const { frames } = bufferUnderTest();
  const chunk = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
  const count = 40;
  for (let stream = 1; stream <= count; stream += 1) frames.data(stream, chunk, 0, chunk.length);
  const bytes = frames.take();
  t.is(bytes.length, count * (chunk.length + 9));
  for (const [index, { stream, payload }] of parseFrames(bytes).entries()) {
    t.is(stream, index + 1);
    t.true(payload.equals(chunk));
  }
});

test('a buffer is used again once it was released, and not before', (t) => {
  const [one, other] = [bufferUnderTest().frames, bufferUnderTest().frames];
  one.ping(uint32(1, 1), false);
  const first = one.take();
  other.ping(uint32(2, 2), false);
  const second = other.take();
  t.not(first.buffer, second.buffer);
  t.is(first.readUInt32BE(9), 1, 'nobody wrote over it');
  giveBackMemory(first);
  one.ping(uint32(3, 3), false);
  const third = one.take();
  t.is(third.buffer, first.buffer);
  giveBackMemory(second);
  giveBackMemory(third);
});

test('a buffer that was not taken from here is not kept', (t) => {
  t.notThrows(() => giveBackMemory(Buffer.alloc(10)));
  const { frames } = bufferUnderTest();
  frames.settingsAck();
  t.is(frames.take().toString('hex'), '000000040100000000');
});

test('one of many begins small, and is large as soon as it has to be', (t) => {
  const frames = new FrameBuffer(() => {}, true);
  const sizeOf = (bytes: number): number => {
    frames.data(1, Buffer.alloc(bytes, 'x'), 0, bytes);
    frames.endStream(1);
    const taken = frames.take();
    t.is(taken.length, bytes + 9);
    t.true(taken.subarray(9).every((byte) => byte === 0x78));
    const { byteLength } = taken.buffer;
    giveBackMemory(taken);
    return byteLength;
  };
  t.is(sizeOf(100), SMALL_BYTES);
  t.is(sizeOf(SMALL_BYTES), LARGE_BYTES);
  t.is(sizeOf(100), SMALL_BYTES);
  frames.ping(uint32(7, 7), false);
  frames.data(1, Buffer.alloc(20_000, 'y'), 0, 20_000);
  const grown = frames.take();
  t.is(grown.buffer.byteLength, LARGE_BYTES);
  t.deepEqual(
    parseFrames(grown).map(({ payload }) => [payload.length, payload[payload.length - 1]]),
    [
      [8, 7],
      [20_000, 0x79],
    ],
  );
});
