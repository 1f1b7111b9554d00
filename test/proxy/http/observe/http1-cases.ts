import type { Case } from './case.ts';
import type { Step } from './observe.ts';

const c = (text: string): Step => ['client', text];
const s = (text: string): Step => ['server', text];
const serverEnd: Step = ['server', undefined];
const GET = c('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
const OK = s('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');

/** Connections of HTTP/1. */
export const HTTP1_CASES: readonly Case[] = [
  { title: 'a request and its response', steps: [GET, OK], requests: ['GET 2xx 0>2'] },
  {
    title: 'requests one after the other',
    steps: [
      GET,
      OK,
      c('DELETE /x HTTP/1.1\r\n\r\n'),
      s('HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n'),
    ],
    requests: ['GET 2xx 0>2', 'DELETE 4xx 0>0'],
  },
  {
    title: 'pipelined requests',
    steps: [
      c(
        'GET /1 HTTP/1.1\r\n\r\nPUT /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcHEAD /3 HTTP/1.1\r\n\r\n',
      ),
      OK,
      OK,
      s('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n'),
    ],
    requests: ['GET 2xx 0>2', 'PUT 2xx 3>2', 'HEAD 2xx 0>0'],
  },
  {
    title: 'chunked bodies, extensions and trailers',
    steps: [
      c(
        'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0010;a="b\r"\r\n0123456789abcdef\r\n0\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\n',
      ),
      s('HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: gzip, Chunked\r\n\r\na \r\n0123456789\r\n0\r\n\r\n'),
      GET,
      OK,
    ],
    requests: ['POST 2xx 21>10', 'GET 2xx 0>2'],
  },
  {
    title: 'interim responses, and a request that waits for one',
    steps: [
      c('POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n'),
      s('HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'),
      c('body'),
      s('HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n'),
    ],
    requests: ['POST 2xx 4>0'],
  },
  {
    title: 'responses without a body, whatever they say',
    steps: [
      c('GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n'),
      s('HTTP/1.1 304 Not Modified\r\nContent-Length: 70\r\n\r\n'),
      s('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n'),
    ],
    requests: ['GET 3xx 0>0', 'GET 2xx 0>0'],
  },
  {
    title: 'a body until the end of the connection',
    steps: [c('GET / HTTP/1.0\r\n\r\n'), s('HTTP/1.0 200 OK\r\n\r\nall of '), s('it'), serverEnd],
    requests: ['GET 2xx 0>9'],
  },
  {
    title: 'a body until the end that does not come',
    steps: [GET, s('HTTP/1.1 200 OK\r\n\r\nsome')],
    requests: ['GET incomplete 0>4'],
  },
  {
    title: 'a response that is cut short, and one that never comes',
    steps: [
      c('GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n'),
      s('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234'),
      serverEnd,
    ],
    requests: ['GET incomplete 0>4', 'GET incomplete 0>0'],
  },
  {
    title: 'a response before the request is whole',
    steps: [
      c('PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1234'),
      s('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'),
      c('56789'),
      GET,
      OK,
    ],
    requests: ['PUT 4xx 4>0', 'GET 2xx 0>2'],
  },
  {
    title: 'a WebSocket',
    steps: [
      c('GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'),
      s('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi'),
      c('GET no request HTTP/1.1\r\n\r\n'),
    ],
    requests: ['GET 1xx 0>0'],
    left: true,
  },
  {
    title: 'a tunnel',
    steps: [
      c('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'),
      s('HTTP/1.1 200 Connection established\r\n\r\n'),
      c('\x16\x03\x01'),
    ],
    requests: ['CONNECT 2xx 0>0'],
    left: true,
  },
  {
    title: 'a tunnel that is refused',
    steps: [
      c('CONNECT a:443 HTTP/1.1\r\n\r\n'),
      s('HTTP/1.1 403 Forbidden\r\nContent-Length: 1\r\n\r\nx'),
      GET,
      OK,
    ],
    requests: ['CONNECT 4xx 0>1', 'GET 2xx 0>2'],
  },
  {
    title: 'methods of others, and of other cases',
    steps: [
      c(
        'PROPFIND / HTTP/1.1\r\n\r\nget / HTTP/1.1\r\n\r\nGETX / HTTP/1.1\r\n\r\nPATCH / HTTP/1.1\r\n\r\n',
      ),
      OK,
      OK,
      OK,
      OK,
    ],
    requests: ['other 2xx 0>2', 'other 2xx 0>2', 'other 2xx 0>2', 'PATCH 2xx 0>2'],
  },
  {
    title: 'lines that end with LF alone, empty lines between messages, no reason phrase',
    steps: [
      c('GET / HTTP/1.1\nHost: a\n\n\r\n\r\nGET / HTTP/1.1\n\n'),
      s('HTTP/1.1 500\ncontent-length: 1\n\nx\r\n'),
      OK,
    ],
    requests: ['GET 5xx 0>1', 'GET 2xx 0>2'],
  },
  {
    title: 'fields that are nearly those that matter',
    steps: [
      GET,
      s(
        'HTTP/1.1 200 OK\r\nContent-Lengths: 9\r\nX-Content-Length: 8\r\nTransfer-Encodings: chunked\r\nC: d\r\nContent-Length: 1, 1\r\ncontent-length: 1\r\n\r\nx',
      ),
      GET,
      OK,
    ],
    requests: ['GET 2xx 0>1', 'GET 2xx 0>2'],
  },
  {
    title: 'two lengths',
    steps: [GET, s('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx')],
    requests: [],
    failure: 'malformed',
  },
  {
    title: 'a length that is none',
    steps: [c('POST / HTTP/1.1\r\nContent-Length: 1 2\r\n\r\n'), OK],
    requests: [],
    failure: 'malformed',
  },
  {
    title: 'a request whose end nobody can tell',
    steps: [c('POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n'), OK],
    requests: [],
    failure: 'malformed',
  },
  {
    title: 'a chunk without a size',
    steps: [c('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n;x\r\n'), OK],
    requests: [],
    failure: 'malformed',
  },
  {
    title: 'a chunk that is longer than it says',
    steps: [c('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n'), OK],
    requests: [],
    failure: 'malformed',
  },
  {
    title: 'a response that nobody asked for',
    steps: [GET, OK, s('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n')],
    requests: ['GET 2xx 0>2'],
    failure: 'unexpected',
  },
  {
    title: 'a second request that is none',
    steps: [GET, OK, c('\x00\x01\x02\r\n\r\n')],
    requests: ['GET 2xx 0>2'],
    failure: 'malformed',
  },
  {
    title: 'a head without an end',
    steps: [c(`GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}`)],
    requests: [],
    failure: 'too-large',
  },
  {
    title: 'a head that is larger than what is kept',
    steps: [c(`GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`), OK],
    requests: [],
    failure: 'too-large',
  },
  {
    title: 'requests without end, and no response',
    steps: [c('GET / HTTP/1.1\r\n\r\n'.repeat(300))],
    requests: [],
    failure: 'too-many',
  },
];
