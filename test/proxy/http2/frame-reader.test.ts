import test from 'ava';
import { FrameReader } from '../../../proxy/http2/frame-reader.ts';
import type { FrameHandler } from '../../../proxy/http2/frame-reader.ts';
import { frame } from '../../helpers/clients/http2-frames.ts';

const LIMITS = { maxFrameBytes: 1024, maxControlFrameBytes: 256 };

/** What a reader says, with the pieces of DATA put together. */
function recorder() {
  const events: string[] = [];
  let data = '';
  let isMore: boolean | undefined;
  const handler: FrameHandler = {
    dataBegins: (stream, bytes) => void events.push(`begins ${stream} ${bytes}`),
    data(chunk, more) {
      if (chunk.length === 0) events.push('an empty piece');
      data += chunk.toString('latin1');
      isMore = more;
    },
    dataEnds(padding, endStream) {
      if (isMore === true) events.push('the last piece said that more comes');
      events.push(`ends ${data} ${padding} ${endStream}`);
      data = '';
      isMore = undefined;
    },
    frame: (type, flags, stream, payload) =>
      void events.push(`frame ${type} ${flags} ${stream} ${payload.toString('hex')}`),
    unknownFrame: () => void events.push('unknown'),
  };
  return { events, reader: new FrameReader(handler, LIMITS) };
}

const padded = (data: string, padding: number): Buffer =>
  Buffer.concat([Buffer.of(padding), Buffer.from(data), Buffer.alloc(padding)]);

/** Every type of frame, and what is said about it. */
const WIRE = Buffer.concat([
  frame({ type: 0, stream: 1, payload: Buffer.from('hello') }),
  frame({ type: 0, stream: 1 }),
  frame({ type: 0, flags: 1, stream: 3 }),
  frame({ type: 0, flags: 9, stream: 1, payload: padded('hi', 3) }),
  frame({ type: 0, flags: 8, stream: 1, payload: padded('', 0) }),
  frame({ type: 0, flags: 8, stream: 1, payload: padded('', 4) }),
  frame({ type: 0, flags: 8, stream: 1, payload: padded('x', 0) }),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((type) =>
    frame({ type, flags: type, stream: 2 ** 31 - type, payload: Buffer.of(type, 1, 2, 3) }),
  ),
  frame({ type: 4 }),
  frame({ type: 10, payload: Buffer.alloc(20) }),
  frame({ type: 255 }),
  // The reserved bit is ignored.
  Buffer.from([0, 0, 0, 4, 0, 0x80, 0, 0, 5]),
]);
const EXPECTED = [
  'begins 1 5',
  'ends hello 0 false',
  'begins 1 0',
  'ends  0 false',
  'begins 3 0',
  'ends  0 true',
  'begins 1 6',
  'ends hi 4 true',
  'begins 1 1',
  'ends  1 false',
  'begins 1 5',
  'ends  5 false',
  'begins 1 2',
  'ends x 1 false',
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(
    (type) => `frame ${type} ${type} ${2 ** 31 - type} 0${type}010203`,
  ),
  'frame 4 0 0 ',
  'unknown',
  'unknown',
  'frame 4 0 5 ',
];

test('every type of frame is read', (t) => {
  const { events, reader } = recorder();
  reader.read(WIRE);
  t.deepEqual(events, EXPECTED);
});

test('wherever the bytes are cut in two', (t) => {
  for (let at = 0; at <= WIRE.length; at += 1) {
    const { events, reader } = recorder();
    reader.read(WIRE.subarray(0, at));
    reader.read(WIRE.subarray(at));
    t.deepEqual(events, EXPECTED, `cut at ${at}`);
  }
});

test('in pieces of every length', (t) => {
  for (let length = 1; length < 40; length += 1) {
    const { events, reader } = recorder();
    for (let at = 0; at < WIRE.length; at += length) reader.read(WIRE.subarray(at, at + length));
    t.deepEqual(events, EXPECTED, `pieces of ${length}`);
  }
});

test('data is handed on as it arrives, before its frame is whole', (t) => {
  const pieces: [string, boolean][] = [];
  const reader = new FrameReader(
    {
      dataBegins() {},
      data: (chunk, more) => void pieces.push([chunk.toString(), more]),
      dataEnds() {},
      frame() {},
      unknownFrame() {},
    },
    LIMITS,
  );
  const bytes = frame({ type: 0, stream: 1, payload: Buffer.from('abcdef') });
  reader.read(bytes.subarray(0, 11));
  t.deepEqual(pieces, [['ab', true]]);
  reader.read(bytes.subarray(11));
  t.deepEqual(pieces.at(-1), ['cdef', false]);
});

const head = (length: number, type: number, flags = 0): Buffer => {
  const bytes = frame({ type, flags, stream: 1 });
  bytes.writeUIntBE(length, 0, 3);
  return bytes;
};

test('frames are refused by their length, before any of it has come', (t) => {
  for (const [bytes, code] of [
    [head(1025, 0), 'FRAME_SIZE_ERROR'],
    [head(1025, 77), 'FRAME_SIZE_ERROR'],
    [head(257, 1), 'FRAME_SIZE_ERROR'],
    [head(0, 0, 8), 'FRAME_SIZE_ERROR'],
    [Buffer.concat([head(2, 0, 8), Buffer.of(2)]), 'PROTOCOL_ERROR'],
  ] as const) {
    const { reader } = recorder();
    t.like(
      t.throws(() => reader.read(bytes)),
      { code },
    );
  }
  const { reader, events } = recorder();
  reader.read(head(1024, 0));
  t.deepEqual(events, ['begins 1 1024']);
});
