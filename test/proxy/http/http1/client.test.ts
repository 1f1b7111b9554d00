// The client's role, byte for byte: what is sent for a request, and what is made of what a server sends.
import test from 'ava';
import { connect, endOfTurn } from './harness.ts';

test('a request is written with Host first, and without framing where there is no body', (t) => {
  for (const method of ['GET', 'POST', 'MKCOL', 'whatever']) {
    const { stream, ask } = connect();
    ask({
      method,
      target: '/x?y',
      fields: [
        ['X-A', 'caf\xe9'],
        ['te', 'trailers'],
      ],
    });
    t.is(
      stream.sentText,
      `${method} /x?y HTTP/1.1\r\nHost: a.example\r\nX-A: caf\xe9\r\nte: trailers\r\nConnection: TE\r\n\r\n`,
    );
  }
});

test('a length of nothing is said where it came', (t) => {
  const { stream, ask } = connect();
  ask({ method: 'PUT', contentLength: 0 });
  t.is(stream.sentText, 'PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n');
});

test('a response is told, in pieces of any size, and the connection is kept', (t) => {
  for (let size = 1; size < 80; size += 1) {
    const { stream, ask, connection, told } = connect();
    for (const round of [1, 2]) {
      const { listener } = ask();
      t.is(connection.capacity, 0);
      stream.comes(
        'HTTP/1.1 103 \r\nLink: a\r\n\r\nHTTP/1.1 200 Fine \xe9\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n' +
          '3\r\nabc\r\n0\r\nY: 2\r\n\r\n',
        size,
      );
      t.is(listener.informs[0]?.status, 103);
      t.like(listener.response, { status: 200, reason: 'Fine \xe9', fields: [['X', '1']] });
      t.is(listener.body, 'abc');
      t.deepEqual(listener.trailers, [['Y', '2']]);
      t.deepEqual(listener.events, ['end', 'ended']);
      t.is(told.length, round);
    }
    t.is(connection.capacity, 1);
  }
});

test('a response without a body is whole with its head', (t) => {
  for (const [method, head] of [
    ['HEAD', '200 OK\r\nContent-Length: 5'],
    ['HEAD', '200 OK\r\nTransfer-Encoding: chunked'],
    ['GET', '304 Not Modified\r\nContent-Length: 5'],
    ['GET', '204 No Content\r\nContent-Length: 5'],
    ['GET', '200 OK\r\nContent-Length: 0'],
  ] as const) {
    const { stream, ask, connection } = connect();
    const { listener } = ask({ method });
    stream.comes(`HTTP/1.1 ${head}\r\n\r\n`);
    t.true(listener.isWhole, head);
    t.deepEqual(listener.events, ['whole', 'ended']);
    t.is(connection.capacity, 1);
  }
});

test('the end of the connection ends a response without a length', (t) => {
  const { stream, ask, told } = connect();
  const { listener } = ask();
  stream.comes('HTTP/1.0 200 OK\r\n\r\nall');
  t.deepEqual(listener.events, []);
  stream.peerEnds();
  t.is(listener.body, 'all');
  t.deepEqual(listener.events, ['end', 'ended']);
  t.deepEqual(told, ['closed']);
});

test('what is cut short fails, and says how', (t) => {
  for (const [bytes, kind] of [
    ['', 'lost'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel', 'lost'],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'malformed'],
    [
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'malformed',
    ],
    ['SSH-2.0\r\n', 'malformed'],
  ] as const) {
    const { stream, ask, told } = connect();
    const { listener, exchange } = ask();
    stream.comes(bytes);
    stream.peerEnds();
    t.is(exchange.failure?.kind, kind, bytes);
    t.is(listener.events.length, 1);
    t.deepEqual(told, ['closed']);
  }
});

test('a kept connection that ends unread is stale', (t) => {
  const { stream, ask } = connect();
  ask();
  stream.comes('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  const { exchange } = ask();
  stream.closeAs('reset');
  t.is(exchange.failure?.kind, 'stale');
});

test("bytes that nobody asked for end the connection, and are nobody's response", (t) => {
  const { stream, ask, connection, told } = connect();
  const { listener } = ask();
  stream.comes('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 408 Late\r\n\r\n');
  t.deepEqual(listener.events, ['whole', 'ended']);
  t.true(connection.isClosed);
  t.deepEqual(told, ['closed']);
});

test('no request is taken while a slow reader holds what was read of the response before', (t) => {
  const { stream, ask, connection, told } = connect();
  const { exchange, listener } = ask();
  listener.isStalled = true;
  stream.comes(
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\nX: y\r\n\r\n',
    5,
  );
  t.deepEqual(listener.events, ['end']);
  t.is(connection.capacity, 0);
  exchange.consumed(3);
  t.is(connection.capacity, 0);
  t.deepEqual(told, []);
  exchange.consumed(1);
  t.deepEqual(listener.events, ['end', 'ended']);
  t.is(connection.capacity, 1);
  t.deepEqual(told, ['available']);
});

test('what a slow reader holds is given back after the end of the connection too', (t) => {
  const { stream, ask, connection } = connect();
  const { exchange, listener } = ask();
  listener.isStalled = true;
  const response = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfour';
  stream.comes(response);
  t.true(connection.isClosed);
  t.is(stream.consumedBytes, response.length - 4);
  exchange.consumed(4);
  t.is(stream.consumedBytes, response.length);
});

test('an early response is told while the body is being sent', async (t) => {
  const { stream, ask, connection } = connect();
  const { exchange, listener } = ask({ method: 'POST' }, false);
  exchange.write(Buffer.from('one'));
  await endOfTurn();
  stream.comes('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  t.deepEqual(listener.events, ['whole']);
  t.is(connection.capacity, 0);
  exchange.write(Buffer.from('two'));
  exchange.end();
  t.true(stream.sentText.endsWith('3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n'));
  t.is(listener.writtenBytes, 6);
  t.deepEqual(listener.events, ['whole', 'ended']);
  t.is(connection.capacity, 1);
});

test('a service that reads no further is not sent the rest', (t) => {
  const { stream, ask, connection } = connect();
  const { exchange, listener } = ask({ method: 'POST' }, false);
  exchange.write(Buffer.from('one'));
  stream.comes('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  t.deepEqual(listener.events, ['whole', 'unread']);
  t.is(exchange.failure, undefined);
  t.true(connection.isClosed);
});

test('a reset breaks the connection off', (t) => {
  const { stream, ask, told, connection } = connect();
  const { exchange, listener } = ask();
  exchange.reset();
  t.true(stream.calls.includes('reset'));
  t.deepEqual(listener.events, []);
  t.deepEqual(told, ['closed']);
  t.is(connection.capacity, 0);
});

test('an owner that destroys a connection resets what is under way, and ends in order what is idle', (t) => {
  const busy = connect();
  const { exchange } = busy.ask();
  busy.connection.destroy();
  t.is(exchange.failure?.kind, 'lost');
  t.true(busy.stream.calls.includes('reset'));
  const idle = connect();
  idle.ask();
  idle.stream.comes('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  idle.connection.destroy();
  t.deepEqual(idle.stream.calls, ['start', 'close']);
  t.deepEqual(idle.told, ['available', 'closed']);
});

test('an upgrade carries bytes after a 101, also those that were written before', async (t) => {
  const { stream, ask, connection } = connect();
  const { exchange, listener } = ask({ upgrade: 'websocket' }, false);
  t.regex(stream.sentText, /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n$/);
  exchange.write(Buffer.from('early'));
  stream.comes('HTTP/1.1 101 Sw\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n\r\nfirst');
  t.is(listener.response?.upgrade, 'websocket');
  t.is(listener.body, 'first');
  await endOfTurn();
  t.true(stream.sentText.endsWith('\r\n\r\nearly'));
  stream.peerEnds();
  t.deepEqual(listener.events, ['end']);
  exchange.end();
  t.is(stream.calls.at(-1), 'end');
  stream.closeAs('ended');
  t.deepEqual(listener.events, ['end', 'ended']);
  t.true(connection.isClosed);
});
