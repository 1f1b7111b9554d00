// What is made of servers that are old, careless or broken: repaired where nobody can be fooled, refused elsewhere.
import test from 'ava';
import { connect } from './harness.ts';

const PIECES = [1, 5, Infinity];

/** What it is, the bytes, what is told of it. */
type Repaired = readonly [what: string, bytes: string, response: object, body?: string];

const REPAIRED: readonly Repaired[] = [
  ['no reason, no space', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', { reason: '' }],
  [
    'a reason in obs-text',
    'HTTP/1.1 200 \xc3\x9c\r\nContent-Length: 0\r\n\r\n',
    { reason: '\xc3\x9c' },
  ],
  ['a status nobody knows', 'HTTP/1.1 799 Hm\r\nContent-Length: 0\r\n\r\n', { status: 799 }],
  [
    'a folded field',
    'HTTP/1.1 200 OK\r\nX: a\r\n  b\r\nContent-Length: 0\r\n\r\n',
    { fields: [['X', 'a b']] },
  ],
  [
    'a space before the colon',
    'HTTP/1.1 200 OK\r\nX : a\r\nContent-Length : 2\r\n\r\nhi',
    { fields: [['X', 'a']], contentLength: 2 },
    'hi',
  ],
  [
    'the same length twice',
    'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\nhi',
    { contentLength: 2 },
    'hi',
  ],
  [
    'a chunk size with spaces after it',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nhi\r\n0 \r\n\r\n',
    { status: 200 },
    'hi',
  ],
  [
    'a length among the trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nContent-Length: 5\r\n\r\n',
    { status: 200 },
    'hi',
  ],
  [
    'HTTP/1.0 that keeps the connection',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi',
    { version: '1.0' },
    'hi',
  ],
];

for (const [what, bytes, response, body = ''] of REPAIRED) {
  test(`repaired: ${what}`, (t) => {
    for (const size of PIECES) {
      const { stream, ask, connection } = connect();
      const { listener } = ask();
      stream.comes(bytes, size);
      t.like(listener.response, response);
      t.is(listener.body, body);
      t.is(listener.events.at(-1), 'ended');
      t.is(connection.capacity, 1, 'the connection is kept');
    }
  });
}

const OK = 'HTTP/1.1 200 OK\r\n';

const REFUSED: readonly (readonly [what: string, bytes: string])[] = [
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['HTTP/0.9', '<html>\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status of zero', 'HTTP/1.1 000 OK\r\n\r\n'],
  ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a bare carriage return', `${OK}X: a\rContent-Length: 0\r\n\r\n`],
  ['a null byte', `${OK}X: a\0\r\nContent-Length: 0\r\n\r\n`],
  ['a line without a colon', `${OK}foo\r\nContent-Length: 0\r\n\r\n`],
  ['a fold before the first field', `${OK} X: a\r\nContent-Length: 0\r\n\r\n`],
  ['lengths that differ', `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi`],
  ['a folded length', `${OK}Content-Length: 2\r\n 3\r\n\r\nhi`],
  ['a length with a sign', `${OK}Content-Length: +2\r\n\r\nhi`],
  ['a length and chunks', `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  [
    'a coding of the body that we cannot undo',
    `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['no chunk', `${OK}Transfer-Encoding: chunked\r\n\r\nhello\r\n`],
  ['too many fields', `${OK}${'a: b\r\n'.repeat(257)}\r\n`],
  ['a too large head', `${OK}a: ${'b'.repeat(9_000)}\r\n\r\n`],
  ['a 101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  [
    'a 101 to something',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
  ],
  ['interim responses without end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_001)],
];

for (const [what, bytes] of REFUSED) {
  test(`refused: ${what}`, (t) => {
    for (const size of PIECES) {
      const { stream, ask, told } = connect();
      const { exchange, listener } = ask();
      stream.comes(bytes, size);
      t.is(exchange.failure?.kind, 'malformed');
      t.deepEqual(listener.events, ['reset']);
      t.is(stream.calls.at(-1), 'reset');
      t.deepEqual(told, ['closed']);
    }
  });
}

test('a 101 to something else than was asked for is refused', (t) => {
  for (const upgrade of ['', 'Upgrade: h2c\r\n', 'Upgrade: websocket, h2c\r\n']) {
    const { stream, ask } = connect();
    const { exchange } = ask({ upgrade: 'websocket' }, false);
    stream.comes(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${upgrade}\r\n`);
    t.is(exchange.failure?.kind, 'malformed');
  }
});

test("what comes while nothing was asked ends the connection, and is nobody's", (t) => {
  const { stream, connection, told } = connect();
  stream.comes('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n');
  t.true(connection.isClosed);
  t.is(connection.capacity, 0);
  t.deepEqual(told, ['closed']);
});

test('a refused WebSocket is a response like any other, and what was meant for it goes nowhere', (t) => {
  const { stream, ask, connection } = connect();
  const { exchange, listener } = ask({ upgrade: 'websocket' }, false);
  t.false(exchange.write(Buffer.from('frame')), 'it waits');
  stream.comes('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
  t.is(listener.body, 'no');
  t.is(listener.writtenBytes, 5);
  t.deepEqual(listener.events, ['end', 'ended']);
  t.notRegex(stream.sentText, /frame/);
  t.is(connection.capacity, 1);
});

test('a drained connection takes no more, and ends with what is under way', (t) => {
  const { stream, ask, connection, told } = connect();
  const { listener } = ask();
  connection.drain();
  t.deepEqual(told, []);
  stream.comes(`${OK}Content-Length: 2\r\n\r\nhi`);
  t.deepEqual(listener.events, ['end', 'ended']);
  t.deepEqual(told, ['closed']);
  t.is(stream.calls.at(-1), 'close');
});

test('a receiver that takes no more stops the connection from being read', (t) => {
  const { stream, ask } = connect();
  const { listener, exchange } = ask();
  listener.isStalled = true;
  t.false(stream.comes(`${OK}Content-Length: 4\r\n\r\nhi`));
  const before = stream.consumedBytes;
  exchange.consumed(2);
  t.is(stream.consumedBytes, before + 2);
});

test('a body that is longer or shorter than was said breaks the connection off', (t) => {
  for (const body of ['four', 'sixsix']) {
    const { stream, ask, connection } = connect();
    const { exchange } = ask({ method: 'POST', contentLength: 5 }, false);
    exchange.write(Buffer.from(body));
    exchange.end();
    t.is(stream.calls.at(-1), 'reset', body);
    t.true(connection.isClosed);
  }
});

test("a request's line and Host cannot be broken by what is in them", (t) => {
  const { stream, ask } = connect();
  ask({ method: 'G\r\nET', target: '/a b\r\nX: y\xe9\ud800', authority: 'a\r\n.example' });
  t.is(stream.sentText, 'GET /a%20b%0D%0AX:%20y%E9 HTTP/1.1\r\nHost: a.example\r\n\r\n');
});
