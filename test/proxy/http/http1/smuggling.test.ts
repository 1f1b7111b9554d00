/**
 * What one server could read in another way than the next is refused, whatever the pieces it comes in, and nothing
 * of it, or after it, is served. What is allowed beside it gets through.
 */
import test from 'ava';
import { type ResponseHead } from '../../../../proxy/http/message.ts';
import { responseOf, serve, type ServerSide, type Wire } from './harness.ts';

const HOST = 'Host: a.example\r\n';
const POST = `POST / HTTP/1.1\r\n${HOST}`;
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n`;
const NOTHING = '\r\n0\r\n\r\n';
const GET = `GET / HTTP/1.1\r\n${HOST}`;

/** A request that would be served, were it taken for one. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n';

const ANSWER: ResponseHead = responseOf({ contentLength: 0 });

/** Serves what comes in pieces of that size, answering each request when it is whole. */
function served(bytes: string, pieceBytes: number): ServerSide<Wire> {
  const side = serve({
    onRequest({ exchange, listener }) {
      listener.end = (trailers) => {
        listener.trailers = trailers;
        exchange.respond(ANSWER, true);
      };
      exchange.start();
      if (exchange.isWhole) exchange.respond(ANSWER, true);
    },
  });
  side.stream.comes(bytes, pieceBytes);
  return side;
}

const PIECES = [1, 2, 3, 7, Infinity];

/** What it is, the bytes, and the status: 400 where none is said. */
type Refused = readonly [what: string, bytes: string, status?: number];

const FRAMING: readonly Refused[] = [
  ['a length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n${NOTHING}`],
  ['chunks and a length', `${CHUNKED}Content-Length: 5\r\n${NOTHING}`],
  ['chunks and a length of nothing', `${CHUNKED}Content-Length: 0\r\n${NOTHING}`],
  ['two lengths that differ', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
  ['two lengths that agree', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
  ['two lengths in other letters', `${POST}Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello`],
  ['a list of lengths', `${POST}Content-Length: 5, 5\r\n\r\nhello`],
  ['a list of one length', `${POST}Content-Length: 5,\r\n\r\nhello`],
  ['a length with a plus', `${POST}Content-Length: +5\r\n\r\nhello`],
  ['a length with a minus', `${POST}Content-Length: -5\r\n\r\nhello`],
  ['a length in hexadecimal', `${POST}Content-Length: 0x5\r\n\r\nhello`],
  ['a length with a fraction', `${POST}Content-Length: 5.0\r\n\r\nhello`],
  ['a length with an exponent', `${POST}Content-Length: 1e1\r\n\r\nhello`],
  ['a length with a space in it', `${POST}Content-Length: 5 5\r\n\r\nhello`],
  ['a length in other digits', `${POST}Content-Length: \xb2\r\n\r\nhello`],
  ['a length in quotes', `${POST}Content-Length: "5"\r\n\r\nhello`],
  ['an empty length', `${POST}Content-Length: \r\n\r\n`],
  ['a length beyond all numbers', `${POST}Content-Length: ${'9'.repeat(30)}\r\n\r\n`],
  ['a length beyond 64 bits', `${POST}Content-Length: 18446744073709551621\r\n\r\nhello`],
  ['an unknown coding', `${POST}Transfer-Encoding: xchunked\r\n${NOTHING}`],
  ['the coding identity', `${POST}Transfer-Encoding: identity\r\n\r\n`],
  ['a coding before chunks', `${POST}Transfer-Encoding: gzip, chunked\r\n${NOTHING}`, 501],
  ['a coding after chunks', `${POST}Transfer-Encoding: chunked, gzip\r\n${NOTHING}`],
  ['chunks twice in one', `${POST}Transfer-Encoding: chunked, chunked\r\n${NOTHING}`],
  ['an empty coding before chunks', `${POST}Transfer-Encoding: ,chunked\r\n${NOTHING}`],
  ['an empty coding after chunks', `${POST}Transfer-Encoding: chunked,\r\n${NOTHING}`],
  ['chunks in quotes', `${POST}Transfer-Encoding: "chunked"\r\n${NOTHING}`],
  ['no coding at all', `${POST}Transfer-Encoding:\r\n${NOTHING}`],
  ['chunks twice', `${CHUNKED}Transfer-Encoding: chunked\r\n${NOTHING}`],
  ['chunks and identity', `${CHUNKED}Transfer-Encoding: identity\r\n${NOTHING}`],
  [
    'identity and chunks',
    `${POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n${NOTHING}`,
  ],
  ['chunks with a parameter', `${POST}Transfer-Encoding: chunked;a=b\r\n${NOTHING}`],
  ['chunks behind a vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n${NOTHING}`],
  ['chunks behind a no-break space', `${POST}Transfer-Encoding: \xa0chunked\r\n${NOTHING}`],
  ['chunks before a form feed', `${POST}Transfer-Encoding: chunked\x0c\r\n${NOTHING}`],
  ['chunks in HTTP/1.0', `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n${NOTHING}`],
  [
    'chunks and a length in HTTP/1.0',
    `POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n${NOTHING}`,
  ],
  [
    'chunks that Connection names',
    `${POST}Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n${NOTHING}`,
  ],
];

const FIELDS: readonly Refused[] = [
  ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n${NOTHING}`],
  ['a tab before the colon', `${POST}Content-Length\t: 5\r\n\r\nhello`],
  ['a space before the colon of any field', `${GET}X : a\r\n\r\n`],
  ['a folded field', `${GET}X: a\r\n b\r\n\r\n`],
  ['a folded field with a tab', `${GET}X: a\r\n\tb\r\n\r\n`],
  ['a folded length', `${POST}Content-Length:\r\n 5\r\n\r\nhello`],
  ['a folded coding', `${POST}Transfer-Encoding:\r\n chunked\r\n${NOTHING}`],
  ['a line of a space', `${GET} \r\n\r\n`],
  ['a field before the first', `GET / HTTP/1.1\r\n X: a\r\n${HOST}\r\n`],
  ['bare line feeds', 'GET / HTTP/1.1\nHost: a.example\n\n'],
  ['a bare line feed after a field', `${GET}X: y\n\r\n`],
  ['a bare line feed after the request line', `GET / HTTP/1.1\n${HOST}\r\n`],
  ['a bare line feed at the end', `${GET}\n`],
  ['a bare line feed within a value', `${GET}X: y\nContent-Length: 5\r\n\r\nhello`],
  ['a bare carriage return', 'GET / HTTP/1.1\r\nHost: a.example\rX: y\r\n\r\n'],
  ['two carriage returns', `GET / HTTP/1.1\r\nHost: a.example\r\r\n\r\n`],
  ['a carriage return before the empty line', `${GET}\r\r\n`],
  ['a null byte in a value', `${GET}X: a\0b\r\n\r\n`],
  ['a null byte in a name', `${GET}X\0Y: b\r\n\r\n`],
  ['a null byte after a length', `${POST}Content-Length: 5\0\r\n\r\nhello`],
  ['an escape in a value', `${GET}X: a\x1bb\r\n\r\n`],
  ['a delete in a value', `${GET}X: a\x7fb\r\n\r\n`],
  ['obs-text in a name', `${GET}X\xe9: b\r\n\r\n`],
  ['a field without a name', `${GET}: b\r\n\r\n`],
  ['a field without a colon', `${GET}foo\r\n\r\n`],
  ['a name with a slash', `${GET}a/b: c\r\n\r\n`],
  ['a name in brackets', `${GET}[x]: c\r\n\r\n`],
  ['a name with a space', `${GET}Content Length: 5\r\n\r\nhello`],
  ['a name like those of HTTP/2', `${GET}:method: POST\r\n\r\n`],
  ['too many fields', `${GET}${'a: b\r\n'.repeat(256)}\r\n`, 431],
  ['too large fields', `${GET}a: ${'b'.repeat(8_192)}\r\n\r\n`, 431],
  ['a too large request line', `GET /${'b'.repeat(8_192)} HTTP/1.1\r\n${HOST}\r\n`, 414],
];

const CHUNKS: readonly Refused[] = [
  ['a chunk that ends with a line feed', `${CHUNKED}\r\n5\nhello\n0\n\n`],
  ['a chunk whose data ends with a line feed', `${CHUNKED}\r\n5\r\nhello\n0\r\n\r\n`],
  ['a chunk size in another notation', `${CHUNKED}\r\n0x5\r\nhello${NOTHING}`],
  ['a negative chunk size', `${CHUNKED}\r\n-5\r\nhello${NOTHING}`],
  ['a chunk size with a plus', `${CHUNKED}\r\n+5\r\nhello${NOTHING}`],
  ['a chunk size after a space', `${CHUNKED}\r\n 5\r\nhello${NOTHING}`],
  ['a chunk size before a space', `${CHUNKED}\r\n5 \r\nhello${NOTHING}`],
  ['a chunk size with an underscore', `${CHUNKED}\r\n1_0\r\nhello${NOTHING}`],
  ['an empty chunk size', `${CHUNKED}\r\n\r\nhello${NOTHING}`],
  ['a chunk size of an extension alone', `${CHUNKED}\r\n;a=b\r\nhello${NOTHING}`],
  ['a chunk size that overflows', `${CHUNKED}\r\n10000000000000005\r\nhello${NOTHING}`],
  ['a chunk size of 64 bits', `${CHUNKED}\r\nffffffffffffffff\r\nhello${NOTHING}`],
  ['a chunk size with endless zeros', `${CHUNKED}\r\n${'0'.repeat(20)}5\r\nhello${NOTHING}`],
  ['a chunk that is longer than it says', `${CHUNKED}\r\n5\r\nhelloXX${NOTHING}`],
  ['a chunk that is shorter than it says', `${CHUNKED}\r\n6\r\nhello\r\n0\r\n\r\n`],
  ['a line feed in a chunk extension', `${CHUNKED}\r\n5;a\nhello${NOTHING}`],
  ['a carriage return in a chunk extension', `${CHUNKED}\r\n5;a\rb\r\nhello${NOTHING}`],
  ['a null byte in a chunk extension', `${CHUNKED}\r\n5;a\0\r\nhello${NOTHING}`],
  ['endless chunk extensions', `${CHUNKED}\r\n5;${'a'.repeat(20_000)}\r\nhello${NOTHING}`],
  [
    'endless chunk extensions in many chunks',
    `${CHUNKED}\r\n${`1;${'a'.repeat(100)}\r\nx\r\n`.repeat(200)}0\r\n\r\n`,
  ],
  ['a length among the trailers', `${CHUNKED}\r\n0\r\nContent-Length: 5\r\n\r\n`],
  ['a coding among the trailers', `${CHUNKED}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`],
  ['a host among the trailers', `${CHUNKED}\r\n0\r\nHost: b.example\r\n\r\n`],
  ['a folded trailer', `${CHUNKED}\r\n0\r\nX: a\r\n b\r\n\r\n`],
  ['a trailer with a bare line feed', `${CHUNKED}\r\n0\r\nX: a\n\r\n`],
  ['no trailers but a bare line feed', `${CHUNKED}\r\n0\r\n\n`],
  ['too large trailers', `${CHUNKED}\r\n0\r\nX: ${'a'.repeat(8_192)}\r\n\r\n`, 431],
  ['too many trailers', `${CHUNKED}\r\n0\r\n${'a: b\r\n'.repeat(257)}\r\n`, 431],
];

const TARGETS: readonly Refused[] = [
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['two hosts', `${GET}Host: b.example\r\n\r\n`],
  ['the same host twice', `${GET}${HOST}\r\n`],
  ['two hosts in HTTP/1.0', `GET / HTTP/1.0\r\n${HOST}Host: b.example\r\n\r\n`],
  ['an empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['a host that is none', 'GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n'],
  ['a host with a user', 'GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n'],
  ['a host with a query', 'GET / HTTP/1.1\r\nHost: a.example?x\r\n\r\n'],
  ['a host with percent signs', 'GET / HTTP/1.1\r\nHost: a%2eexample\r\n\r\n'],
  ['a host with obs-text', 'GET / HTTP/1.1\r\nHost: \xe9.example\r\n\r\n'],
  ['a host with a port that is none', 'GET / HTTP/1.1\r\nHost: a.example:http\r\n\r\n'],
  ['two hosts in one', 'GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n'],
  ['two hosts beside an absolute target', `GET http://b.example/ HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ['an absolute target without a host', 'GET http://b.example/ HTTP/1.1\r\n\r\n'],
  ['an absolute target with a user', `GET http://u@b.example/ HTTP/1.1\r\n${HOST}\r\n`],
  ['an absolute target that names nobody', `GET http:///x HTTP/1.1\r\n${HOST}\r\n`],
  ['another scheme', `GET ftp://a.example/ HTTP/1.1\r\n${HOST}\r\n`],
  ['a target that is no path', `GET x HTTP/1.1\r\n${HOST}\r\n`],
  ['a star for a GET', `GET * HTTP/1.1\r\n${HOST}\r\n`],
  ['a fragment', `GET /#a HTTP/1.1\r\n${HOST}\r\n`],
  ['a space in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  ['obs-text in the target', `GET /\xe9 HTTP/1.1\r\n${HOST}\r\n`],
  ['two spaces', `GET  / HTTP/1.1\r\n${HOST}\r\n`],
  ['a space after the version', `GET / HTTP/1.1 \r\n${HOST}\r\n`],
  ['a space before the method', ` GET / HTTP/1.1\r\n${HOST}\r\n`],
  ['a tab after the method', `GET\t/ HTTP/1.1\r\n${HOST}\r\n`],
  ['no method', `/ HTTP/1.1\r\n${HOST}\r\n`],
  ['a method that is no token', `GET() / HTTP/1.1\r\n${HOST}\r\n`],
  ['CONNECT to a path', `CONNECT / HTTP/1.1\r\n${HOST}\r\n`],
  ['two empty lines before', `\r\n\r\nGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['half an empty line before', `\rGET / HTTP/1.1\r\n${HOST}\r\n`],
  ['HTTP/0.9', 'GET /\r\n\r\n'],
  ['HTTP/2.0', `GET / HTTP/2.0\r\n${HOST}\r\n`, 505],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['a later HTTP/1', `GET / HTTP/1.2\r\n${HOST}\r\n`, 505],
  ['HTTP in other letters', `GET / http/1.1\r\n${HOST}\r\n`],
  ['a version of two digits', `GET / HTTP/1.10\r\n${HOST}\r\n`],
  ['a version without a dot', `GET / HTTP/11\r\n${HOST}\r\n`],
  ['what is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  [
    'a WebSocket with a body',
    `${POST}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx`,
  ],
  [
    'a WebSocket by GET with chunks',
    `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
];

for (const [kind, cases] of Object.entries({ FRAMING, FIELDS, CHUNKS, TARGETS })) {
  for (const [what, bytes, status = 400] of cases) {
    test(`refused, ${kind.toLowerCase()}: ${what}`, (t) => {
      for (const size of PIECES) {
        const { stream, served: requests, refused } = served(`${bytes}${SMUGGLED}`, size);
        t.regex(
          stream.sentText,
          new RegExp(`^HTTP/1\\.1 ${status} .*\\r\\nConnection: close\\r\\n`),
        );
        t.is(stream.sentText.split('HTTP/1.1 ').length, 2, 'there is one answer');
        t.is(refused.length, 1);
        t.is(refused[0]?.status, status);
        t.deepEqual(
          requests.flatMap(({ listener }) => listener.events),
          requests.map(() => 'reset'),
          'nothing was served to its end',
        );
        t.true(requests.every(({ exchange }) => exchange.request.target !== '/smuggled'));
        t.is(stream.consumedBytes, bytes.length + SMUGGLED.length, 'all was given back');
        t.is(stream.calls.at(-1), 'end', 'the connection ends');
      }
    });
  }
}

/** What it is, the bytes, what the request was, and its body. */
type Allowed = readonly [what: string, bytes: string, request: object, body?: string];

const ALLOWED: readonly Allowed[] = [
  ['a body with a length', `${POST}Content-Length: 5\r\n\r\nhello`, { contentLength: 5 }, 'hello'],
  [
    'a length with zeros before',
    `${POST}Content-Length: 005\r\n\r\nhello`,
    { contentLength: 5 },
    'hello',
  ],
  ['a length of nothing', `${POST}Content-Length: 0\r\n\r\n`, { contentLength: 0 }],
  ['a body in chunks', `${CHUNKED}\r\n5\r\nhello${NOTHING}`, { contentLength: undefined }, 'hello'],
  ['no body in chunks', `${CHUNKED}${NOTHING}`, {}],
  ['a chunk extension', `${CHUNKED}\r\n5;a="b;c"\r\nhello${NOTHING}`, {}, 'hello'],
  ['a chunk extension of the last chunk', `${CHUNKED}\r\n5\r\nhello\r\n0;x\r\n\r\n`, {}, 'hello'],
  ['zeros before the chunk size', `${CHUNKED}\r\n0005\r\nhello\r\n0000\r\n\r\n`, {}, 'hello'],
  [
    'chunk sizes in other letters',
    `${CHUNKED}\r\na\r\n0123456789\r\nA\r\n0123456789${NOTHING}`,
    {},
    '01234567890123456789',
  ],
  [
    'chunks in other letters',
    `${POST}Transfer-Encoding: Chunked\r\n\r\n2\r\nhi${NOTHING}`,
    {},
    'hi',
  ],
  ['a GET with a body', `${GET}Transfer-Encoding: chunked\r\n\r\n2\r\nhi${NOTHING}`, {}, 'hi'],
  [
    'a DELETE with a body',
    `DELETE / HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi`,
    { method: 'DELETE' },
    'hi',
  ],
  ['a POST without a body', `${POST}\r\n`, { method: 'POST' }],
  [
    'a body that looks like a request',
    `${POST}Content-Length: ${GET.length + 2}\r\n\r\n${GET}\r\n`,
    {},
    `${GET}\r\n`,
  ],
  [
    'the host in the target',
    `GET http://b.example/x?y HTTP/1.1\r\n${HOST}\r\n`,
    { authority: 'b.example', target: '/x?y' },
  ],
  ['only the host in the target', `GET http://b.example HTTP/1.1\r\n${HOST}\r\n`, { target: '/' }],
  ['a query without a path', `GET http://b.example?x HTTP/1.1\r\n${HOST}\r\n`, { target: '/?x' }],
  [
    'OPTIONS of another server',
    `OPTIONS http://b.example HTTP/1.1\r\n${HOST}\r\n`,
    { authority: 'b.example', target: '*' },
  ],
  ['a star for OPTIONS', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, { target: '*' }],
  [
    'CONNECT',
    `CONNECT b.example:443 HTTP/1.1\r\n${HOST}\r\n`,
    { authority: 'b.example:443', target: '' },
  ],
  ['a host with an address', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', { authority: '[::1]:80' }],
  [
    'HTTP/1.0 without a host',
    'GET /old HTTP/1.0\r\n\r\n',
    { authority: undefined, version: '1.0' },
  ],
  ['an unknown method', `get / HTTP/1.1\r\n${HOST}\r\n`, { method: 'get' }],
  [
    'a method of odd characters',
    `!#$%&'*+.^_\`|~- / HTTP/1.1\r\n${HOST}\r\n`,
    { method: "!#$%&'*+.^_`|~-" },
  ],
  ['an empty line before', `\r\n${GET}\r\n`, {}],
  [
    'an empty value',
    `${GET}X:\r\nY: \t \r\n\r\n`,
    {
      fields: [
        ['X', ''],
        ['Y', ''],
      ],
    },
  ],
  [
    'spaces and obs-text in a value',
    `${GET}X:  a \t\xff b \r\n\r\n`,
    { fields: [['X', 'a \t\xff b']] },
  ],
  ['256 fields', `${GET}${'a: b\r\n'.repeat(255)}\r\n`, {}],
  [
    'an upgrade to h2c is no upgrade',
    `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n\r\n`,
    { upgrade: undefined, fields: [] },
  ],
];

for (const [what, bytes, request, body = ''] of ALLOWED) {
  test(`allowed: ${what}`, (t) => {
    for (const size of PIECES) {
      const { stream, served: requests, refused } = served(`${bytes}${SMUGGLED}`, size);
      t.deepEqual(refused, []);
      t.like(requests[0]?.exchange.request, { scheme: 'http', ...request });
      t.is(requests[0]?.listener.body, body);
      t.regex(stream.sentText, /^HTTP\/1\.1 200 OK\r\n/);
      t.is(stream.consumedBytes, bytes.length + SMUGGLED.length, 'all was given back');
    }
  });
}

test('what follows a whole request is the next one', (t) => {
  const { served: requests } = served(`${POST}Content-Length: 5\r\n\r\nhello${SMUGGLED}`, Infinity);
  t.is(requests[1]?.exchange.request.target, '/smuggled');
});

test('fields of a size near the limit are read', (t) => {
  const bytes = `${GET}a: ${'b'.repeat(8_192 - GET.length - 7)}\r\n\r\n`;
  t.is(bytes.length, 8_192);
  for (const size of PIECES) t.is(served(bytes, size).served.length, 1);
});
