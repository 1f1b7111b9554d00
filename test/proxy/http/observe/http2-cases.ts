import { encodeHeaders } from '../../../../proxy/http2/hpack/encoder.ts';
import type { HeaderField } from '../../../../proxy/http2/hpack/static-table.ts';
import {
  CLIENT_PREFACE,
  END_HEADERS,
  FRAME,
  frame,
} from '../../../helpers/clients/http2-frames.ts';
import { NOTHING, type Case } from './case.ts';
import type { Step } from './observe.ts';

/** A header block in one HEADERS frame. */
function headers(stream: number, fields: readonly HeaderField[], flags = 0): Buffer {
  const payload = encodeHeaders(fields);
  return frame({ type: FRAME.headers, flags: END_HEADERS | flags, stream, payload });
}

const data = (stream: number, bytes: number, flags = 0): Buffer =>
  frame({ type: FRAME.data, flags, stream, payload: Buffer.alloc(bytes, 0x61) });
const reset = (stream: number, code: number): Buffer =>
  frame({ type: FRAME.reset, stream, payload: Buffer.from([0, 0, 0, code]) });

const END_STREAM = 1;
const PADDED = 8;
const PRIORITY = 0x20;
const begin: readonly Step[] = [
  ['client', CLIENT_PREFACE],
  ['server', frame({ type: FRAME.settings })],
];
const get: readonly HeaderField[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];
const call: readonly HeaderField[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/p.S/M'],
  ['content-type', 'application/grpc+proto'],
  ['te', 'trailers'],
];
const grpcOk: readonly HeaderField[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const client = (...frames: Buffer[]): Step => ['client', Buffer.concat(frames)];
const server = (...frames: Buffer[]): Step => ['server', Buffer.concat(frames)];
const answer = (stream: number, status: string): Step =>
  server(headers(stream, [[':status', status]], END_STREAM));

/** Connections of HTTP/2. */
export const HTTP2_CASES: readonly Case[] = [
  {
    title: 'requests at a time, answered in another order',
    steps: [
      ...begin,
      client(
        headers(1, get, END_STREAM),
        headers(3, [[':method', 'PUT'], ...get.slice(1)]),
        data(3, 5),
        data(3, 0, END_STREAM),
      ),
      server(headers(3, [[':status', '201']]), data(3, 7, END_STREAM)),
      server(headers(1, [[':status', '302']], END_STREAM)),
    ],
    requests: ['http2 PUT 2xx 5>7', 'http2 GET 3xx 0>0'],
  },
  {
    title: 'SETTINGS of a server that comes first',
    steps: [
      ['server', frame({ type: FRAME.settings, payload: Buffer.from([0, 3, 0, 0, 0, 100]) })],
      ['client', CLIENT_PREFACE],
      client(headers(1, get, END_STREAM)),
      answer(1, '200'),
    ],
    requests: ['http2 GET 2xx 0>0'],
  },
  {
    title: 'calls of gRPC',
    steps: [
      ...begin,
      client(
        headers(1, call),
        data(1, 12, END_STREAM),
        headers(3, call),
        data(3, 5, END_STREAM),
        headers(5, call),
      ),
      server(headers(1, grpcOk), data(1, 9), headers(1, [['grpc-status', '0']], END_STREAM)),
      server(headers(3, [...grpcOk, ['grpc-status', '5']], END_STREAM)),
      server(headers(5, [[':status', '503']]), data(5, 3, END_STREAM)),
    ],
    requests: ['grpc POST OK 12>9', 'grpc POST NOT_FOUND 5>0', 'grpc POST UNAVAILABLE 0>3'],
  },
  {
    title: 'calls of gRPC that are given up, and lost with the connection',
    steps: [
      ...begin,
      client(headers(1, call), headers(3, call), headers(5, call)),
      client(reset(1, 8)),
      server(reset(3, 7)),
    ],
    requests: ['grpc POST CANCELLED 0>0', 'grpc POST UNAVAILABLE 0>0', 'grpc POST UNAVAILABLE 0>0'],
  },
  {
    title: 'statuses of gRPC that nobody knows, or that are missing',
    steps: [
      ...begin,
      client(headers(1, call), headers(3, call)),
      server(
        headers(1, [...grpcOk, ['grpc-status', '77']], END_STREAM),
        headers(3, grpcOk, END_STREAM),
      ),
    ],
    requests: ['grpc POST UNKNOWN 0>0', 'grpc POST UNKNOWN 0>0'],
  },
  {
    title: 'gRPC-Web is HTTP',
    steps: [
      ...begin,
      client(
        headers(
          1,
          [
            [':method', 'POST'],
            ['content-type', 'application/grpc-web+proto'],
          ],
          END_STREAM,
        ),
      ),
      answer(1, '200'),
    ],
    requests: ['http2 POST 2xx 0>0'],
  },
  {
    title: 'interim responses and trailers in both directions',
    steps: [
      ...begin,
      client(headers(1, get), data(1, 1), headers(1, [['x-sum', '1']], END_STREAM)),
      server(
        headers(1, [[':status', '103']]),
        headers(1, [[':status', '200']]),
        data(1, 2),
        headers(1, [['x-sum', '2']], END_STREAM),
      ),
    ],
    requests: ['http2 GET 2xx 1>2'],
  },
  {
    title: 'padding, priority, and header blocks in several frames',
    steps: [
      ...begin,
      client(
        frame({
          type: FRAME.headers,
          flags: PADDED | PRIORITY,
          stream: 1,
          payload: Buffer.concat([
            Buffer.from([3, 0, 0, 0, 0, 9]),
            encodeHeaders(get.slice(0, 2)),
            Buffer.alloc(3),
          ]),
        }),
        frame({ type: FRAME.continuation, stream: 1 }),
        frame({
          type: FRAME.continuation,
          flags: END_HEADERS,
          stream: 1,
          payload: encodeHeaders(get.slice(2)),
        }),
        frame({
          type: FRAME.data,
          flags: PADDED | END_STREAM,
          stream: 1,
          payload: Buffer.concat([Buffer.from([4]), Buffer.alloc(6), Buffer.alloc(4)]),
        }),
      ),
      answer(1, '200'),
    ],
    requests: ['http2 GET 2xx 6>0'],
  },
  {
    title: 'frames that say nothing of requests, and such that nobody knows',
    steps: [
      ...begin,
      client(
        frame({ type: FRAME.ping, payload: Buffer.alloc(8) }),
        frame({ type: 77, stream: 5, payload: Buffer.alloc(500) }),
        frame({ type: FRAME.windowUpdate, payload: Buffer.alloc(4) }),
        headers(1, get, END_STREAM),
      ),
      server(frame({ type: FRAME.settings, flags: 1 })),
      answer(1, '200'),
    ],
    requests: ['http2 GET 2xx 0>0'],
  },
  {
    title: 'a tunnel, which lasts',
    steps: [
      ...begin,
      client(
        headers(1, [
          [':method', 'CONNECT'],
          [':authority', 'a'],
        ]),
      ),
      server(headers(1, [[':status', '200']])),
      client(data(1, 5)),
      server(data(1, 5)),
    ],
    requests: ['http2 CONNECT 2xx 0>0'],
  },
  {
    title: 'what comes after a stream has ended',
    steps: [
      ...begin,
      client(headers(1, get)),
      answer(1, '200'),
      client(data(1, 5), headers(1, [['x', 'y']], END_STREAM), reset(1, 8)),
      server(data(1, 5), reset(1, 0), reset(9, 0)),
    ],
    requests: ['http2 GET 2xx 0>0'],
  },
  {
    title: 'requests that never get a response',
    steps: [
      ...begin,
      client(headers(1, get, END_STREAM), headers(3, get, END_STREAM)),
      server(reset(1, 2)),
    ],
    requests: ['http2 GET incomplete 0>0', 'http2 GET incomplete 0>0'],
  },
  {
    title: 'a server of HTTP/1',
    steps: [
      ['client', CLIENT_PREFACE],
      ['server', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ],
    ...NOTHING,
  },
  {
    title: 'a header block that is none',
    steps: [
      ...begin,
      client(
        frame({
          type: FRAME.headers,
          flags: END_HEADERS,
          stream: 1,
          payload: Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        }),
      ),
    ],
    requests: [],
    failure: 'malformed',
  },
  {
    title: 'a header block that is interrupted',
    steps: [
      ...begin,
      client(
        frame({ type: FRAME.headers, stream: 1, payload: encodeHeaders(get) }),
        frame({ type: FRAME.ping, payload: Buffer.alloc(8) }),
      ),
    ],
    requests: [],
    failure: 'malformed',
  },
  {
    title: 'a header block without an end',
    steps: [
      ...begin,
      client(
        frame({ type: FRAME.headers, stream: 1, payload: Buffer.alloc(40_000) }),
        frame({ type: FRAME.continuation, stream: 1, payload: Buffer.alloc(40_000) }),
      ),
    ],
    requests: [],
    failure: 'too-large',
  },
  {
    title: 'a header block that becomes too much',
    steps: [
      ...begin,
      client(headers(1, get, END_STREAM)),
      client(
        frame({
          type: FRAME.headers,
          flags: END_HEADERS,
          stream: 3,
          payload: Buffer.concat([
            Buffer.from([0x40, 1, 0x61, 0x7f, 0x80 | 0x51, 0x1e]),
            Buffer.alloc(4_000, 0x62),
            Buffer.alloc(3_000, 0xbe),
          ]),
        }),
      ),
    ],
    requests: [],
    failure: 'too-large',
  },
  {
    title: 'streams without end, and no response',
    steps: [
      ...begin,
      client(...Array.from({ length: 2_100 }, (_, at) => headers(2 * at + 1, get, END_STREAM))),
    ],
    requests: [],
    failure: 'too-many',
  },
  {
    title: 'server push',
    steps: [
      ...begin,
      client(headers(1, get, END_STREAM)),
      server(frame({ type: 5, flags: END_HEADERS, stream: 1, payload: Buffer.from([0, 0, 0, 2]) })),
    ],
    requests: [],
    failure: 'unsupported',
  },
  {
    title: 'a stream of the server that a client opens',
    steps: [...begin, client(headers(2, get, END_STREAM))],
    requests: [],
    failure: 'malformed',
  },
];
