// What breaks a rule of RFC 9113 ends the connection, or the stream, with the code that the RFC names,
// and what only looks as if it did ends nothing.
import test from 'ava';
import { ERROR_CODE } from '../../../proxy/http2/protocol.ts';
import type { ErrorName } from '../../../proxy/http2/http2-error.ts';
import type { StreamEnd } from '../../../proxy/http2/stream-observer.ts';
import { frame, FRAME, literalHeader } from '../../helpers/clients/http2-frames.ts';
import { connectFrame, goawayCode, PREFACE, rawPeer, resetCode, uint32 } from './harness.ts';

const settings = (id: number, value: number): Buffer =>
  frame({ type: FRAME.settings, payload: Buffer.concat([Buffer.of(0, id), uint32(value)]) });
const connectBlock = connectFrame(1).subarray(9);
const request = (stream: number, ...fields: readonly [string, string][]): Buffer =>
  frame({
    type: FRAME.headers,
    flags: 4,
    stream,
    payload: Buffer.concat(fields.map(([name, value]) => literalHeader(name, value))),
  });
const data = (stream: number, bytes: number, flags = 0): Buffer =>
  frame({ type: FRAME.data, flags, stream, payload: Buffer.alloc(bytes) });
const reset = (stream: number): Buffer =>
  frame({ type: FRAME.reset, stream, payload: uint32(ERROR_CODE.CANCEL) });
const windowUpdate = (stream: number, increment: number): Buffer =>
  frame({ type: FRAME.windowUpdate, stream, payload: uint32(increment) });

/** What a client sends after its preface, and the code of the GOAWAY that answers it. */
const CONNECTION_ERRORS: readonly [what: string, code: ErrorName, ...parts: Buffer[]][] = [
  ['DATA on stream 0', 'PROTOCOL_ERROR', data(0, 1)],
  ['DATA on an idle stream', 'PROTOCOL_ERROR', data(1, 1)],
  ['DATA on an idle stream of ours', 'PROTOCOL_ERROR', data(2, 1)],
  [
    'padding longer than the frame',
    'PROTOCOL_ERROR',
    connectFrame(1),
    frame({ type: FRAME.data, flags: 8, stream: 1, payload: Buffer.of(3, 0, 0) }),
  ],
  [
    'padding without its length',
    'FRAME_SIZE_ERROR',
    connectFrame(1),
    frame({ type: FRAME.data, flags: 8, stream: 1 }),
  ],
  ['HEADERS on stream 0', 'PROTOCOL_ERROR', frame({ type: 1, flags: 4, payload: connectBlock })],
  ['HEADERS on an even stream', 'PROTOCOL_ERROR', connectFrame(2)],
  ['HEADERS of a stream passed over', 'STREAM_CLOSED', connectFrame(5), connectFrame(3)],
  [
    'HEADERS with padding longer than the frame',
    'PROTOCOL_ERROR',
    frame({ type: 1, flags: 12, stream: 1, payload: Buffer.of(9, 0x82) }),
  ],
  [
    'HEADERS too short for a priority',
    'FRAME_SIZE_ERROR',
    frame({ type: 1, flags: 0x24, stream: 1, payload: Buffer.of(0, 0, 0) }),
  ],
  [
    'HEADERS that depend on their own stream',
    'PROTOCOL_ERROR',
    frame({
      type: 1,
      flags: 0x24,
      stream: 1,
      payload: Buffer.concat([uint32(1), Buffer.of(0), connectBlock]),
    }),
  ],
  [
    'HEADERS that are no HPACK',
    'COMPRESSION_ERROR',
    frame({ type: 1, flags: 4, stream: 1, payload: Buffer.of(0x80) }),
  ],
  ['PRIORITY on stream 0', 'PROTOCOL_ERROR', frame({ type: 2, payload: Buffer.alloc(5) })],
  [
    'PRIORITY of 4 bytes',
    'FRAME_SIZE_ERROR',
    frame({ type: 2, stream: 1, payload: Buffer.alloc(4) }),
  ],
  [
    'PRIORITY on itself',
    'PROTOCOL_ERROR',
    frame({ type: 2, stream: 1, payload: Buffer.of(0, 0, 0, 1, 0) }),
  ],
  ['RST_STREAM on stream 0', 'PROTOCOL_ERROR', reset(0)],
  ['RST_STREAM of an idle stream', 'PROTOCOL_ERROR', reset(1)],
  [
    'RST_STREAM of 3 bytes',
    'FRAME_SIZE_ERROR',
    connectFrame(1),
    frame({ type: 3, stream: 1, payload: Buffer.alloc(3) }),
  ],
  ['SETTINGS on a stream', 'PROTOCOL_ERROR', frame({ type: 4, stream: 1 })],
  ['SETTINGS of 5 bytes', 'FRAME_SIZE_ERROR', frame({ type: 4, payload: Buffer.alloc(5) })],
  [
    'SETTINGS with ACK and bytes',
    'FRAME_SIZE_ERROR',
    frame({ type: 4, flags: 1, payload: Buffer.alloc(6) }),
  ],
  ['ENABLE_PUSH 2', 'PROTOCOL_ERROR', settings(2, 2)],
  ['INITIAL_WINDOW_SIZE 2^31', 'FLOW_CONTROL_ERROR', settings(4, 2 ** 31)],
  ['MAX_FRAME_SIZE 16,383', 'PROTOCOL_ERROR', settings(5, 16_383)],
  ['MAX_FRAME_SIZE 2^24', 'PROTOCOL_ERROR', settings(5, 2 ** 24)],
  ['PUSH_PROMISE', 'PROTOCOL_ERROR', frame({ type: 5, flags: 4, stream: 1, payload: uint32(2) })],
  ['PING on a stream', 'PROTOCOL_ERROR', frame({ type: 6, stream: 1, payload: Buffer.alloc(8) })],
  ['PING of 7 bytes', 'FRAME_SIZE_ERROR', frame({ type: 6, payload: Buffer.alloc(7) })],
  ['GOAWAY on a stream', 'PROTOCOL_ERROR', frame({ type: 7, stream: 1, payload: uint32(0, 0) })],
  ['GOAWAY of 7 bytes', 'FRAME_SIZE_ERROR', frame({ type: 7, payload: Buffer.alloc(7) })],
  ['WINDOW_UPDATE of 0 for the connection', 'PROTOCOL_ERROR', windowUpdate(0, 0)],
  ['WINDOW_UPDATE beyond 2^31-1', 'FLOW_CONTROL_ERROR', windowUpdate(0, 2 ** 31 - 1)],
  ['WINDOW_UPDATE of an idle stream', 'PROTOCOL_ERROR', windowUpdate(1, 1)],
  ['WINDOW_UPDATE of 5 bytes', 'FRAME_SIZE_ERROR', frame({ type: 8, payload: Buffer.alloc(5) })],
  [
    'INITIAL_WINDOW_SIZE that opens a window too far',
    'FLOW_CONTROL_ERROR',
    connectFrame(1),
    windowUpdate(1, 2 ** 31 - 1 - 65_535),
    settings(4, 65_536),
  ],
  ['CONTINUATION of nothing', 'PROTOCOL_ERROR', frame({ type: 9, flags: 4, stream: 1 })],
  [
    'CONTINUATION of another stream',
    'PROTOCOL_ERROR',
    connectFrame(1, 'a:1', 0),
    frame({ type: 9, flags: 4, stream: 3 }),
  ],
  [
    'PING within a header block',
    'PROTOCOL_ERROR',
    connectFrame(1, 'a:1', 0),
    frame({ type: 6, payload: Buffer.alloc(8) }),
  ],
  [
    'an unknown frame within a header block',
    'PROTOCOL_ERROR',
    connectFrame(1, 'a:1', 0),
    frame({ type: 99 }),
  ],
  [
    'a frame longer than we said',
    'FRAME_SIZE_ERROR',
    connectFrame(1),
    Buffer.from([0x10, 0, 1, 0, 0, 0, 0, 0, 1]),
  ],
  [
    'HEADERS longer than any that make sense',
    'FRAME_SIZE_ERROR',
    Buffer.from([0, 0x80, 1, 1, 4, 0, 0, 0, 1]),
  ],
];

for (const [what, code, ...parts] of CONNECTION_ERRORS) {
  test(`the connection ends with ${code}: ${what}`, async (t) => {
    const { send, frames, connection, heard, peer } = rawPeer();
    await send(PREFACE, ...parts);
    t.is(goawayCode(frames()), ERROR_CODE[code]);
    t.true(connection.isClosed);
    peer.end();
    await send();
    t.like(heard.closed?.error, { code });
  });
}

/** What a client sends after its preface, and the code with which stream 1 is reset. */
const STREAM_ERRORS: readonly [what: string, code: ErrorName, ...parts: Buffer[]][] = [
  ['a window of 0 more', 'PROTOCOL_ERROR', connectFrame(1), windowUpdate(1, 0)],
  ['a window beyond 2^31-1', 'FLOW_CONTROL_ERROR', connectFrame(1), windowUpdate(1, 2 ** 31 - 1)],
  ['more DATA than its window', 'FLOW_CONTROL_ERROR', connectFrame(1), data(1, 65_536)],
  ['DATA after END_STREAM', 'STREAM_CLOSED', connectFrame(1), data(1, 1, 1), data(1, 1)],
  ['HEADERS after END_STREAM', 'STREAM_CLOSED', connectFrame(1, 'a:1', 5), connectFrame(1)],
  ['trailers', 'PROTOCOL_ERROR', connectFrame(1), connectFrame(1, 'a:1', 5)],
  ['no method', 'PROTOCOL_ERROR', request(1, [':authority', 'a:1'])],
  [
    'CONNECT with a path',
    'PROTOCOL_ERROR',
    request(1, [':method', 'CONNECT'], [':authority', 'a:1'], [':path', '/']),
  ],
  ['CONNECT without an authority', 'PROTOCOL_ERROR', request(1, [':method', 'CONNECT'])],
  [
    'a field of HTTP/1.1',
    'PROTOCOL_ERROR',
    request(1, [':method', 'CONNECT'], [':authority', 'a:1'], ['connection', 'close']),
  ],
  [
    'a pseudo-header field behind another',
    'PROTOCOL_ERROR',
    request(1, [':method', 'CONNECT'], ['x', 'y'], [':authority', 'a:1']),
  ],
];

for (const [what, code, ...parts] of STREAM_ERRORS) {
  test(`a stream ends with ${code}, and the connection lives: ${what}`, async (t) => {
    const { send, frames, connection, heard, budget } = rawPeer();
    await send(PREFACE, ...parts, connectFrame(3, 'next:1'));
    t.is(resetCode(frames(), 1), ERROR_CODE[code]);
    t.is(goawayCode(frames()), undefined);
    t.is(heard.authorities.at(-1), 'next:1');
    t.is(connection.openStreams, 1);
    t.is(budget.totalBytes, 0);
  });
}

/** What a client may send, odd as it is. */
const HARMLESS: readonly [what: string, ...parts: Buffer[]][] = [
  ['a frame of an unknown type', frame({ type: 99, flags: 255, stream: 7, payload: uint32(1) })],
  ['a setting that nobody knows', settings(99, 1)],
  ['PRIORITY of an idle stream', frame({ type: 2, stream: 9, payload: Buffer.alloc(5) })],
  ['the reserved bit of a stream id', Buffer.from([0, 0, 0, 0, 0, 0x80, 0, 0, 1])],
  ['frames of a stream that it has reset', reset(1), windowUpdate(1, 1), reset(1)],
  ['a PING answer that was not asked for', frame({ type: 6, flags: 1, payload: uint32(1, 2) })],
  ['flags without a meaning', data(1, 1, 0x50)],
];

for (const [what, ...parts] of HARMLESS) {
  test(`nothing ends: ${what}`, async (t) => {
    const { send, frames, heard } = rawPeer();
    await send(PREFACE, connectFrame(1), ...parts, connectFrame(11, 'next:1'));
    t.is(goawayCode(frames()), undefined);
    t.is(resetCode(frames(), 1), undefined);
    t.is(heard.authorities.at(-1), 'next:1');
  });
}

test('a client must begin with the preface, and both sides with SETTINGS', async (t) => {
  const starts: readonly ['client' | 'server', Buffer][] = [
    ['server', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['server', Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
    ['server', Buffer.concat([PREFACE.subarray(0, 24), connectFrame(1)])],
    ['server', Buffer.concat([PREFACE.subarray(0, 24), frame({ type: 4, flags: 1 })])],
    ['client', frame({ type: 6, payload: Buffer.alloc(8) })],
    ['client', frame({ type: 99 })],
  ];
  for (const [role, bytes] of starts) {
    const { send, frames, connection } = rawPeer({ role });
    await send(bytes);
    t.is(goawayCode(frames()), ERROR_CODE.PROTOCOL_ERROR);
    t.true(connection.isClosed);
  }
});

test('the preface may come byte by byte', async (t) => {
  const { send, heard, frames } = rawPeer({ cut: () => 1 });
  await send(PREFACE, connectFrame(1));
  t.deepEqual(heard.authorities, ['10.0.0.1:80']);
  t.is(heard.accepted, 1);
  t.is(goawayCode(frames()), undefined);
});

test('DATA before the answer breaks a stream of ours, and its connection lives', async (t) => {
  const { send, connection, frames } = rawPeer({ role: 'client' });
  const ends: string[] = [];
  const observer = {
    headers: () => false,
    ended: ({ kind }: StreamEnd) => void ends.push(kind),
  };
  for (let count = 0; count < 2; count += 1) connection.connect('a:1', observer);
  const interim = literalHeader(':status', '103');
  await send(
    frame({ type: 4 }),
    data(1, 5),
    frame({ type: 1, flags: 4, stream: 3, payload: interim }),
    data(3, 5),
  );
  t.deepEqual(ends, ['broken', 'broken']);
  t.deepEqual(
    frames().flatMap(({ type, stream, payload }) =>
      type === 3 ? [[stream, payload.readUInt32BE()]] : [],
    ),
    [
      [1, ERROR_CODE.PROTOCOL_ERROR],
      [3, ERROR_CODE.PROTOCOL_ERROR],
    ],
  );
  t.is(goawayCode(frames()), undefined);
});

test('the late answer to a request that was reset long ago ends no other', async (t) => {
  const { send, connection, frames } = rawPeer({ role: 'client' });
  const ends: string[] = [];
  const answers: boolean[] = [];
  const honest = {
    headers: () => answers.push(true) > 0,
    ended: ({ kind }: StreamEnd) => void ends.push(kind),
  };
  await send(frame({ type: 4 }));
  connection.connect('a:1', honest);
  // More of them than are remembered.
  for (let count = 0; count < 1_001; count += 1) {
    connection.connect('a:1', { headers: () => true, ended: () => {} })?.reset(ERROR_CODE.CANCEL);
  }
  const answer = Buffer.of(0x88);
  const answerTo = (stream: number): Buffer =>
    frame({ type: FRAME.headers, flags: 4, stream, payload: answer });
  await send(answerTo(3), answerTo(2_003), answerTo(1));
  t.deepEqual(answers, [true]);
  t.deepEqual(ends, []);
  t.is(goawayCode(frames()), undefined);
});

test('a server may not open streams', async (t) => {
  for (const [stream, code] of [
    [2, 'PROTOCOL_ERROR'],
    [1, 'PROTOCOL_ERROR'],
  ] as const) {
    const { send, frames } = rawPeer({ role: 'client' });
    await send(frame({ type: 4 }), connectFrame(stream));
    t.is(goawayCode(frames()), ERROR_CODE[code]);
  }
});
