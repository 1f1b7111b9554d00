// How a connection of a client ends, and what keeps it: early answers, broken bodies, drains, clients that do not go.
import test, { type ExecutionContext } from 'ava';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { endOfTurn, responseOf, serve, type ServeOptions } from './harness.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a.example\r\n';
const EMPTY = responseOf({ contentLength: 0 });

function one(t: ExecutionContext, request: string, options?: ServeOptions) {
  const side = serve(options);
  side.stream.comes(request);
  const { exchange, listener } = side.served[0] ?? t.fail();
  return { ...side, exchange, listener };
}

test('a drained connection says so with its response, and then ends', (t) => {
  const { stream, exchange, connection, served } = one(t, GET + GET);
  connection.drain();
  t.is(stream.sentText, '');
  exchange.respond(EMPTY, true);
  t.is(stream.sentText, 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  t.is(stream.calls.at(-1), 'end');
  t.is(served.length, 1, 'the second one is not served');
});

test('a drained connection that is idle is given time for a request that is on its way', async (t) => {
  const clock = createManualClock();
  const used = one(t, GET, { clock });
  used.exchange.respond(EMPTY, true);
  const again = one(t, GET, { clock });
  again.exchange.respond(EMPTY, true);
  for (const { connection } of [used, again]) connection.drain();
  await clock.advance(4_000);
  again.stream.comes(GET);
  again.served[1]?.exchange.respond(EMPTY, true);
  t.regex(again.stream.sentText, /\r\nConnection: close\r\n/);
  t.deepEqual(used.stream.calls, ['start']);
  await clock.advance(1_000);
  t.deepEqual(used.stream.calls, ['start', 'close']);
});

test('a client that does not end its side is waited for, and then left', async (t) => {
  const clock = createManualClock();
  const { stream, exchange, closes } = one(t, GET.replace('1.1', '1.0'), { clock });
  exchange.respond(EMPTY, true);
  t.deepEqual(stream.calls, ['start', 'end']);
  await clock.advance(1_000);
  stream.comes('whatever');
  t.is(stream.consumedBytes, GET.length + 8, 'what it sends is read, and dropped');
  await clock.advance(1_000);
  t.deepEqual(stream.calls, ['start', 'end', 'close']);
  t.is(closes.count, 0);
  await clock.advance(30_000);
  t.deepEqual(stream.calls, ['start', 'end', 'close', 'reset']);
  t.is(closes.count, 1);
  t.deepEqual(clock.pending, []);
});

test('the next request waits until the response before it is out of memory', (t) => {
  const { stream, exchange, listener, served } = one(t, GET + GET);
  stream.takes = false;
  exchange.respond(responseOf(), false);
  t.true(exchange.write(Buffer.alloc(10_000)), 'it is gathered at first');
  t.false(exchange.write(Buffer.alloc(10_000)), 'and then the stream has enough');
  exchange.end();
  t.is(listener.writtenBytes, 0);
  t.is(served.length, 1);
  stream.take();
  t.is(listener.writtenBytes, 20_000, 'bytes of the body, and no others');
  t.deepEqual(listener.events, ['ended']);
  t.is(served.length, 2);
});

test('a handler that takes no more of a body stops the connection from being read', (t) => {
  const side = serve();
  side.stream.comes(`${POST}Content-Length: 10\r\n\r\n`);
  const { listener, exchange } = side.served[0] ?? t.fail();
  listener.isStalled = true;
  t.false(side.stream.comes('hello'));
  const consumed = side.stream.consumedBytes;
  exchange.consumed(5);
  t.is(side.stream.consumedBytes, consumed + 5);
  listener.isStalled = false;
  t.true(side.stream.comes('world'));
  t.is(listener.body, 'helloworld');
});

test('what frames a body never stops a connection: no byte of it is consumed later', (t) => {
  const side = serve();
  side.stream.comes(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
  const { listener, exchange } = side.served[0] ?? t.fail();
  listener.isStalled = true;
  t.false(side.stream.comes('5\r\nhello'));
  exchange.consumed(5);
  t.true(side.stream.comes('\r\n5\r'));
  t.false(side.stream.comes('\nworld'));
});

test('a piece that is written when another one is out of memory comes after it', async (t) => {
  const { stream, exchange, listener } = one(t, GET);
  exchange.respond(responseOf(), false);
  await endOfTurn();
  let isFirst = true;
  listener.written = () => {
    if (isFirst) {
      isFirst = false;
      exchange.write(Buffer.from('second'));
    }
  };
  exchange.write(Buffer.alloc(20_000, 'a'));
  exchange.end();
  const [, body] = stream.sentText.split('\r\n\r\n', 2);
  t.is(body, `4e20\r\n${'a'.repeat(20_000)}\r\n6\r\nsecond\r\n0`);
});

test('a body waits until it is started, up to a bound', (t) => {
  const { stream, exchange, listener } = one(t, `${POST}Content-Length: 70000\r\n\r\n`, {
    onRequest() {},
  });
  t.true(stream.comes('a'.repeat(60_000)));
  t.false(stream.comes('a'.repeat(10_000)), 'a socket is not read further');
  t.is(listener.body, '');
  exchange.start();
  t.is(listener.body.length, 70_000);
  t.deepEqual(listener.events, ['end']);
});

test('a response may begin, and end, while the body still comes', (t) => {
  const { stream, exchange, listener, served } = one(t, `${POST}Content-Length: 10\r\n\r\nhello`);
  exchange.respond(EMPTY, true);
  t.is(stream.sentText, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  t.deepEqual(listener.events, []);
  stream.comes(`world${GET}`);
  t.is(listener.body, 'helloworld');
  t.deepEqual(listener.events, ['end', 'ended']);
  t.is(served.length, 2);
});

test('a handler that reads no more ends the connection after its response', (t) => {
  const { stream, exchange, listener, served } = one(t, `${POST}Content-Length: 10\r\n\r\nhello`);
  exchange.respond(EMPTY, true);
  exchange.close();
  t.deepEqual(listener.events, ['ended']);
  t.is(stream.calls.at(-1), 'end');
  const consumed = stream.consumedBytes;
  stream.comes(`world${GET}`);
  t.is(stream.consumedBytes, consumed + 5 + GET.length, 'the rest is dropped');
  t.is(served.length, 1);
});

test('a client that was not told to go on is not kept: its body may come or not', (t) => {
  const head = `${POST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
  const refused = one(t, head);
  refused.exchange.respond(responseOf({ status: 417, contentLength: 0 }), true);
  t.regex(refused.stream.sentText, /\r\nConnection: close\r\n/);
  const told = one(t, head);
  told.exchange.inform(responseOf({ status: 100, reason: 'Continue' }));
  told.exchange.respond(EMPTY, true);
  t.notRegex(told.stream.sentText, /Connection/);
  told.stream.comes('hello');
  t.deepEqual(told.listener.events, ['end', 'ended']);
});

test('a client that does not read gets the 100 that it waits for, and no more of the others', (t) => {
  const head = `${POST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
  const { stream, exchange, listener } = one(t, head);
  stream.takes = false;
  exchange.inform(responseOf({ status: 103, reason: 'Early Hints' }));
  exchange.inform(responseOf({ status: 103, reason: 'Left Out' }));
  exchange.inform(responseOf({ status: 100, reason: 'Continue' }));
  exchange.inform(responseOf({ status: 100, reason: 'Left Out' }));
  t.is(stream.sentText, 'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n');
  stream.take();
  exchange.respond(EMPTY, true);
  t.notRegex(stream.sentText, /Connection/);
  stream.comes('hello');
  t.deepEqual(listener.events, ['end', 'ended']);
});

test('a broken body is answered with 400, or breaks off the response that has begun', async (t) => {
  const head = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
  const unanswered = one(t, `${head}5\r\nhello`);
  unanswered.stream.comes('no chunk');
  t.regex(unanswered.stream.sentText, /^HTTP\/1\.1 400 /);
  t.deepEqual(unanswered.listener.events, ['reset']);
  t.is(unanswered.refused[0]?.status, 400);
  const begun = one(t, `${head}5\r\nhello`);
  begun.exchange.respond(responseOf(), false);
  await endOfTurn();
  begun.stream.comes('no chunk');
  t.is(begun.stream.sentText, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  t.deepEqual(begun.stream.calls, ['start', 'reset']);
  t.deepEqual(begun.listener.events, ['reset']);
  t.is(begun.refused[0]?.status, 0);
  t.is(begun.closes.count, 1);
});

test('a response that is longer or shorter than it says is broken off', (t) => {
  for (const body of ['four', 'sixsix']) {
    const { stream, exchange, listener } = one(t, GET);
    exchange.respond(responseOf({ contentLength: 5 }), false);
    exchange.write(Buffer.from(body));
    exchange.end();
    t.is(stream.calls.at(-1), 'reset', body);
    t.true(exchange.isClosed);
    t.deepEqual(listener.events, [], 'by our own doing');
  }
});

test('a response without a body has none, whatever is written', (t) => {
  for (const [method, status, length] of [
    ['HEAD', 200, 'Content-Length: 5\r\n'],
    ['GET', 304, 'Content-Length: 5\r\n'],
    ['GET', 204, ''],
  ] as const) {
    const { stream, exchange, listener } = one(t, GET.replace('GET', method));
    exchange.respond(responseOf({ status, contentLength: 5 }), false);
    t.true(exchange.write(Buffer.from('hello')));
    t.is(listener.writtenBytes, 5);
    exchange.end([['X', '1']]);
    t.is(stream.sentText, `HTTP/1.1 ${status} OK\r\n${length}\r\n`);
    t.deepEqual(listener.events, ['ended']);
  }
});

test('a client of HTTP/1.0 gets no chunks: the end of the connection ends the body', (t) => {
  const { stream, exchange, listener } = one(t, 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  exchange.respond(responseOf({ fields: [['Trailer', 'X-Sum']] }), false);
  exchange.write(Buffer.from('hello'));
  exchange.end([['X-Sum', '1']]);
  t.is(stream.sentText, 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello');
  t.deepEqual(stream.calls, ['start', 'end']);
  t.deepEqual(listener.events, ['ended']);
});

test('a client of HTTP/1.0 that wants to be kept is, where the length is known', (t) => {
  const request = 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n';
  const { stream, exchange, served } = one(t, request + request);
  exchange.respond(EMPTY, true);
  t.is(stream.sentText, 'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n');
  t.is(served.length, 2);
});

test('trailers and what announces them go with chunks only', (t) => {
  for (const contentLength of [5, undefined]) {
    const { stream, exchange } = one(t, GET);
    exchange.respond(responseOf({ contentLength, fields: [['trailer', 'X-Sum']] }), false);
    exchange.write(Buffer.from('hello'));
    exchange.end([['X-Sum', '1']]);
    t.is(stream.sentText.includes('railer'), contentLength === undefined);
    t.is(stream.sentText.endsWith('\r\n0\r\nX-Sum: 1\r\n\r\n'), contentLength === undefined);
  }
});

test('nothing that could end a line is written, nor a field that frames', (t) => {
  const { stream, exchange } = one(t, GET);
  const fields = [
    ['X-Good', '1'],
    ['X-CR', 'a\rb'],
    ['X-LF', 'a\nSet-Cookie: b'],
    ['X-Null', 'a\0'],
    // Its low byte is a line feed.
    ['X-Wide', '\u010a'],
    ['X Space', 'a'],
    ['x: y', 'a'],
    ['content-length:5', 'a'],
    ['', 'a'],
    ['Content-Length', '99'],
    ['transfer-encoding', 'chunked'],
    ['Connection', 'upgrade'],
    ['X-Last', '\xff'],
  ] as const;
  exchange.respond(responseOf({ reason: 'a\r\nb', fields, contentLength: 0 }), true);
  t.is(
    stream.sentText,
    'HTTP/1.1 200 a  b\r\nX-Good: 1\r\nX-Last: \xff\r\nContent-Length: 0\r\n\r\n',
  );
});

test('an owner that destroys a connection resets what is under way', (t) => {
  const { stream, connection, listener, closes } = one(t, GET);
  connection.destroy();
  t.deepEqual(listener.events, ['reset']);
  t.deepEqual(stream.calls, ['start', 'reset']);
  t.is(closes.count, 1);
  connection.destroy();
  t.is(closes.count, 1);
});

test('a handler that resets hears nothing more of it', (t) => {
  const { stream, exchange, listener, closes } = one(t, GET);
  exchange.reset();
  t.deepEqual(listener.events, []);
  t.deepEqual(stream.calls, ['start', 'reset']);
  t.is(closes.count, 1);
  t.false(exchange.write(Buffer.from('x')));
});

test('a client that gave up before anybody listened is told of at the start', (t) => {
  const side = serve({ onRequest() {} });
  side.stream.comes(GET);
  const { exchange, listener } = side.served[0] ?? t.fail();
  exchange.detach();
  side.stream.peerEnds();
  t.deepEqual(listener.events, []);
  exchange.attach(listener);
  exchange.start();
  t.deepEqual(listener.events, ['reset']);
  exchange.start();
  t.deepEqual(listener.events, ['reset'], 'once');
});

test('the end of a client that is idle, or that has sent half a head, is just an end', (t) => {
  for (const bytes of ['', 'GET / HT']) {
    const { stream, refused, closes } = serve();
    stream.comes(bytes);
    stream.peerEnds();
    t.is(stream.sentText, '');
    t.deepEqual(stream.calls, ['start', 'close']);
    t.deepEqual(refused, []);
    stream.closeAs('ended');
    t.is(closes.count, 1);
  }
});

test('a head of a mebibyte is read where that is allowed', (t) => {
  const { stream, served } = serve({ limits: { headerBytes: 1_048_576 } });
  const line = `X: ${'y'.repeat(4_000)}\r\n`;
  stream.comes(GET.replace(/\r\n$/, `${line.repeat(250)}\r\n`), 1_000);
  t.is(served[0]?.exchange.request.fields.length, 250);
});
