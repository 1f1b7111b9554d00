// The server's role, byte for byte: what a client sends, what the handler hears, what the client gets.
import test from 'ava';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { endOfTurn, responseOf, serve } from './harness.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a.example\r\n';

test('a head is told in order with its bytes, without what belongs to the connection', (t) => {
  const { stream, served } = serve();
  stream.comes(
    'GET /x?y=%20 HTTP/1.1\r\nhOST: a.example:80\r\nX-One: \t caf\xe9 \r\nKeep-Alive: 5\r\n' +
      'Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nTE: gzip, trailers\r\nx-one:\r\nUpgrade: h2c\r\n\r\n',
  );
  t.deepEqual(served[0]?.exchange.request, {
    version: '1.1',
    method: 'GET',
    scheme: 'http',
    authority: 'a.example:80',
    target: '/x?y=%20',
    fields: [
      ['X-One', 'caf\xe9'],
      ['TE', 'trailers'],
      ['x-one', ''],
    ],
    contentLength: undefined,
    upgrade: undefined,
  });
  t.true(served[0]?.exchange.isWhole);
});

test('options of the connection may be any number that the head has room for', (t) => {
  const { stream, served, refused } = serve({ limits: { headerBytes: 8_000_000 } });
  const many = 'a,'.repeat(1_000_000);
  stream.comes(
    `GET / HTTP/1.1\r\nHost: a.example\r\nConnection: ${many}b\r\nUpgrade: ${many}b\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n`,
  );
  t.deepEqual(refused, []);
  t.deepEqual(served[0]?.exchange.request.fields, [['C', '3']]);
});

test('head, body and end of a small response leave in one write', (t) => {
  const { stream, served } = serve();
  stream.comes(GET);
  const { exchange, listener } = served[0] ?? t.fail();
  exchange.respond(responseOf({ fields: [['X', 'caf\xe9']] }), false);
  exchange.write(Buffer.from('hello'));
  exchange.end([['X-Sum', '1']]);
  t.is(stream.sent.length, 1);
  t.is(
    stream.sentText,
    'HTTP/1.1 200 OK\r\nX: caf\xe9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  );
  t.is(listener.writtenBytes, 5);
  t.deepEqual(listener.events, ['ended']);
});

test('a head whose body comes later leaves at the end of the turn', async (t) => {
  const { stream, served } = serve();
  stream.comes(GET);
  served[0]?.exchange.respond(responseOf({ contentLength: 5 }), false);
  t.is(stream.sentText, '');
  await endOfTurn();
  t.is(stream.sentText, 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n');
});

test('a body with a length, and one in chunks, in pieces of any size', (t) => {
  for (let size = 1; size < 40; size += 1) {
    const { stream, served } = serve();
    stream.comes(`${POST}Content-Length: 5\r\n\r\nhello`, size);
    served[0]?.exchange.respond(responseOf(), true);
    stream.comes(
      `${POST}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00A\r\n, my world\r\n0\r\nX: 1\r\n\r\n`,
      size,
    );
    t.is(served[0]?.listener.body, 'hello');
    t.deepEqual(served[0]?.listener.events, ['end', 'ended']);
    t.is(served[1]?.listener.body, 'hello, my world');
    t.deepEqual(served[1]?.listener.trailers, [['X', '1']]);
    t.deepEqual(served[1]?.listener.events, ['end']);
  }
});

test('every byte is given back once it is out of memory', (t) => {
  const { stream, served } = serve();
  const text = `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`;
  stream.comes(text);
  t.is(stream.consumedBytes, text.length);
  served[0]?.exchange.respond(responseOf(), true);
  t.deepEqual(served[0]?.listener.events, ['end', 'ended']);
});

test('what waits behind a request is one piece, however small the pieces were that it came in', (t) => {
  const pieces: number[] = [];
  const { stream, served } = serve({
    onRequest: ({ exchange, listener }) => {
      exchange.attach({
        data: (chunk) => {
          pieces.push(chunk.length);
          return listener.data(chunk);
        },
        end: (trailers) => listener.end(trailers),
        written: (bytes) => listener.written(bytes),
        spare: () => {},
        closed: (how) => listener.closed(how),
      });
      exchange.start();
    },
  });
  const body = 'x'.repeat(5_000);
  stream.comes(GET);
  stream.comes(`${POST}Content-Length: ${body.length}\r\n\r\n${body}${GET.replace('/', '/3')}`, 1);
  served[0]?.exchange.respond(responseOf(), true);
  t.is(served[1]?.listener.body, body);
  served[1]?.exchange.respond(responseOf(), true);
  t.is(served[2]?.exchange.request.target, '/3');
  t.deepEqual(pieces, [body.length]);
});

test('early requests are served one after the other, in order', (t) => {
  const { stream, served } = serve();
  stream.comes(GET.replace('/', '/1') + GET.replace('/', '/2') + GET.replace('/', '/3'));
  t.is(served.length, 1);
  served[0]?.exchange.respond(responseOf(), true);
  t.is(served.length, 2);
  served[1]?.exchange.respond(responseOf(), true);
  served[2]?.exchange.respond(responseOf(), true);
  t.deepEqual(
    served.map(({ exchange }) => exchange.request.target),
    ['/1', '/2', '/3'],
  );
  t.is(stream.consumedBytes, 3 * GET.length + 3);
});

test('a client that gives up is told at once, and frees everything', (t) => {
  for (const giveUp of ['fin', 'rst'] as const) {
    const { stream, served, closes } = serve({ onRequest() {} });
    stream.comes(GET);
    if (giveUp === 'fin') stream.peerEnds();
    else stream.closeAs('reset');
    t.deepEqual(served[0]?.listener.events, ['reset'], giveUp);
    t.is(closes.count, 1);
    t.is(stream.calls.includes('reset'), giveUp === 'fin');
  }
});

test('the end of a client that said so before is no giving up', (t) => {
  for (const request of [
    'GET / HTTP/1.0\r\n\r\n',
    GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
  ]) {
    const { stream, served, closes } = serve();
    stream.comes(request);
    stream.peerEnds();
    t.deepEqual(served[0]?.listener.events, []);
    served[0]?.exchange.respond(responseOf({ contentLength: 0 }), true);
    t.is(stream.sentText, 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    t.deepEqual(served[0]?.listener.events, ['ended']);
    stream.closeAs('ended');
    t.is(closes.count, 1);
  }
});

test('an end within a request is always giving up', (t) => {
  const { stream, served } = serve();
  stream.comes(`${POST}Connection: close\r\nContent-Length: 5\r\n\r\nhel`);
  stream.peerEnds();
  t.deepEqual(served[0]?.listener.events, ['reset']);
});

test('what is not HTTP is refused, answered, and nothing after it is served', (t) => {
  const { stream, served, refused } = serve();
  stream.comes(`${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\n${GET}`);
  t.is(
    stream.sentText,
    'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\nProxy-Status: hauberk; error=http_request_error\r\n\r\n',
  );
  t.is(served.length, 0);
  t.deepEqual(refused, [
    { reason: 'malformed', status: 400, sentence: 'expected one Content-Length, got 2' },
  ]);
  t.deepEqual(stream.calls, ['start', 'end']);
});

test('an upgrade carries bytes in both directions after a 101, with their ends', async (t) => {
  const { stream, served } = serve();
  const ask = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n';
  stream.comes(`${ask}early`);
  const { exchange, listener } = served[0] ?? t.fail();
  t.is(exchange.request.upgrade, 'websocket');
  t.false(exchange.isWhole);
  t.is(listener.body, '');
  exchange.respond(responseOf({ status: 101, reason: 'Switching Protocols' }), false);
  await endOfTurn();
  t.is(
    stream.sentText,
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  t.is(listener.body, 'early');
  stream.comes(' late');
  stream.peerEnds();
  t.is(listener.body, 'early late');
  t.deepEqual(listener.events, ['end']);
  exchange.write(Buffer.from('back'));
  exchange.end();
  t.true(stream.sentText.endsWith('\r\n\r\nback'));
  t.is(stream.calls.at(-1), 'end');
  stream.closeAs('ended');
  t.deepEqual(listener.events, ['end', 'ended']);
});

test('a refused upgrade stays HTTP', (t) => {
  const { stream, served } = serve();
  stream.comes(
    `GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${GET}`,
  );
  served[0]?.exchange.respond(
    responseOf({ status: 403, reason: 'Forbidden', contentLength: 0 }),
    true,
  );
  t.deepEqual(served[0]?.listener.events, ['end', 'ended']);
  t.is(served.length, 2);
});

test('interim responses go before the response, but not to HTTP/1.0', (t) => {
  for (const version of ['1.1', '1.0']) {
    const { stream, served } = serve();
    stream.comes(GET.replace('1.1', version));
    served[0]?.exchange.inform(
      responseOf({ status: 103, reason: 'Early Hints', fields: [['Link', 'x']] }),
    );
    served[0]?.exchange.respond(
      responseOf({ status: 204, reason: 'None', contentLength: 0 }),
      true,
    );
    const hint = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n';
    const close = version === '1.0' ? 'Connection: close\r\n' : '';
    t.is(stream.sentText, `${version === '1.1' ? hint : ''}HTTP/1.1 204 None\r\n${close}\r\n`);
  }
});

test('a slow head is answered with 408; a connection without a request, or idle, just ends', async (t) => {
  const clock = createManualClock();
  const slow = serve({ clock });
  const silent = serve({ clock });
  const idle = serve({ clock });
  slow.stream.comes('GET / HTTP/1.1\r\nHost: a');
  idle.stream.comes(GET);
  idle.served[0]?.exchange.respond(responseOf({ contentLength: 0 }), true);
  await clock.advance(15_000);
  t.regex(slow.stream.sentText, /^HTTP\/1\.1 408 Request Timeout\r\n/);
  t.is(slow.refused[0]?.reason, 'too-late');
  t.deepEqual(silent.stream.calls, ['start', 'close']);
  t.deepEqual(idle.stream.calls, ['start']);
  await clock.advance(60_000);
  t.deepEqual(idle.stream.calls, ['start', 'close']);
});
