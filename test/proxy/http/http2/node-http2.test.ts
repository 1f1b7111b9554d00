// node:http2 (nghttp2) as the other end, both ways round and with settings out of the ordinary.
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  ServerHttp2Stream,
  Settings,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { eventually, within } from '../../../helpers/deadline.ts';
import { ask, dial, echo, listen, receive, responseHead } from './harness.ts';

/** Settings that a peer may have, and that change what we may send. */
const SETTINGS: Readonly<Record<string, Settings>> = {
  'the defaults': {},
  'no header table': { headerTableSize: 0 },
  'a small window': { initialWindowSize: 1_000 },
  'large frames': { maxFrameSize: 2 ** 24 - 1, initialWindowSize: 2 ** 20 },
};

const BODY = Buffer.alloc(300_000, 'hauberk ');

function session(t: ExecutionContext, port: number, settings: Settings = {}): ClientHttp2Session {
  const client = connect(`http://127.0.0.1:${port}`, { settings });
  client.on('error', () => {});
  t.teardown(() => client.destroy());
  return client;
}

async function headOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const [headers] = (await within('a response', once(stream, 'response'))) as [IncomingHttpHeaders];
  return headers;
}

for (const [what, settings] of Object.entries(SETTINGS)) {
  test(`a client of node:http2 with ${what}`, async (t) => {
    await using served = await listen(echo);
    const client = session(t, served.port, settings);
    for (const method of ['GET', 'POST', 'PUT', 'PURGE', 'OPTIONS']) {
      const stream = client.request(
        { ':method': method, ':path': `/${method}`, cookie: 'a=1', 'x-long': 'v'.repeat(5_000) },
        { endStream: method === 'GET' },
      );
      if (method !== 'GET') stream.end(BODY);
      t.like(await headOf(stream), { ':status': 200, 'x-asked': `${method} /${method}` });
      const body = await within('the body', buffer(stream));
      t.true(body.equals(method === 'GET' ? Buffer.alloc(0) : BODY));
    }
    t.false(client.destroyed);
    await eventually('nothing is held', () => served.budget.totalBytes === 0 || undefined);
  });

  test(`a server of node:http2 with ${what}`, async (t) => {
    const { port, errors } = await foreignServer(t, settings, (stream, headers) => {
      stream.respond({ ':status': 201, 'x-asked': `${headers[':method']} ${headers[':path']}` });
      stream.pipe(stream);
    });
    const dialled = await dial(t, port);
    for (const method of ['GET', 'POST', 'PURGE']) {
      const head = {
        method,
        target: `/${method}`,
        fields: [['X-Long', 'v'.repeat(40_000)]],
      } as const;
      const { exchange, response } = ask(dialled, head, method === 'GET');
      if (method !== 'GET') {
        exchange.write(BODY);
        exchange.end();
      }
      await eventually('the end', () => response.closes.length > 0 || undefined);
      t.like(response.heads, [{ status: 201, fields: [['x-asked', `${method} /${method}`]] }]);
      t.is(response.bytes, method === 'GET' ? 0 : BODY.length);
      t.deepEqual([response.closes, exchange.failure], [['ended'], undefined]);
    }
    t.deepEqual(errors, []);
    t.is(dialled.budget.totalBytes, 0);
  });
}

test('a client of node:http2 with a tiny window may read a little in crumbs', async (t) => {
  await using served = await listen(echo);
  const client = session(t, served.port, { initialWindowSize: 100 });
  const stream = client.request({ ':method': 'POST' });
  const body = BODY.subarray(0, 20_000);
  stream.end(body);
  t.true((await within('the body', buffer(stream))).equals(body));
});

/** A server of node:http2, whose errors are kept. */
async function foreignServer(
  t: ExecutionContext,
  settings: Settings,
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
): Promise<{ readonly port: number; readonly errors: Error[] }> {
  const errors: Error[] = [];
  const server = createServer({ settings, maxHeaderListPairs: 200 });
  server.on('sessionError', (error: Error) => errors.push(error));
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', (error: Error) => errors.push(error));
    onStream(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, errors };
}

test('100 requests of one client at a time, each with its body', async (t) => {
  await using served = await listen(echo);
  const client = session(t, served.port);
  const bodies = await within(
    'all bodies',
    Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        const stream = client.request({ ':method': 'POST', ':path': `/${at}` });
        stream.end(Buffer.alloc(10_000 + at, at));
        return await buffer(stream);
      }),
    ),
  );
  t.true(bodies.every((body, at) => body.equals(Buffer.alloc(10_000 + at, at))));
});

test('interim responses and trailers go both ways', async (t) => {
  await using served = await listen((exchange) => {
    const body = receive(exchange);
    exchange.inform(responseHead(103, [['link', '</a>']]));
    const { closed } = body;
    body.end = (trailers) => {
      exchange.respond(responseHead(200), false);
      exchange.write(Buffer.concat(body.chunks));
      exchange.end([['x-sum', trailers?.[0]?.join('=') ?? 'none']]);
    };
    body.closed = closed.bind(body);
  });
  const client = session(t, served.port);
  const stream = client.request({ ':method': 'POST' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-given': '7' }));
  const interim = once(stream, 'headers');
  const trailers = once(stream, 'trailers');
  stream.end('hello');
  t.like((await within('an interim response', interim))[0], { ':status': 103, link: '</a>' });
  t.is((await within('the body', buffer(stream))).toString(), 'hello');
  t.like((await within('trailers', trailers))[0], { 'x-sum': 'x-given=7' });
});

test('our request has trailers at the other end, and hears its', async (t) => {
  const heard: unknown[] = [];
  const { port } = await foreignServer(t, {}, (stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a>' });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => {
      heard.push(trailers['x-sum']);
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end('bye');
    });
    stream.resume();
  });
  const { exchange, response } = ask(await dial(t, port), { method: 'POST' }, false);
  exchange.write(Buffer.from('hello'));
  exchange.end([['X-Sum', '7']]);
  await eventually('the end', () => response.closes.length > 0 || undefined);
  t.deepEqual(heard, ['7']);
  t.like(response.interim, [{ status: 103 }]);
  t.is(response.text, 'bye');
  t.deepEqual(response.trailers, [['grpc-status', '0']]);
});

test('a client that cancels is heard, and one that is cancelled hears', async (t) => {
  const closes: string[] = [];
  await using served = await listen((exchange) => {
    const body = receive(exchange);
    body.closed = (how) => void closes.push(how);
    exchange.respond(responseHead(200), false);
    if (exchange.request.target === '/broken') exchange.reset();
  });
  const client = session(t, served.port);
  const given = client.request({ ':path': '/' });
  await headOf(given);
  given.close(8);
  await eventually('the reset', () => closes.length === 1 || undefined);
  t.deepEqual(closes, ['reset']);
  const broken = client.request({ ':path': '/broken' });
  const [error] = (await within('an error', once(broken, 'error'))) as [Error];
  t.regex(error.message, /INTERNAL_ERROR/);
});

test('a WebSocket by extended CONNECT, both ways round', async (t) => {
  await using served = await listen((exchange) => {
    exchange.attach({
      data: (chunk) => exchange.write(chunk),
      end: () => exchange.end(),
      written: (bytes) => exchange.consumed(bytes),
      spare() {},
      closed() {},
    });
    exchange.respond({ ...responseHead(101), upgrade: 'websocket' }, false);
    exchange.start();
  });
  const client = session(t, served.port);
  await within('SETTINGS', once(client, 'remoteSettings'));
  t.true(client.remoteSettings.enableConnectProtocol);
  const head = { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' };
  const stream = client.request(head, { endStream: false });
  t.like(await headOf(stream), { ':status': 200 });
  stream.end('hello');
  t.is((await within('the echo', buffer(stream))).toString(), 'hello');

  const { port } = await foreignServer(t, { enableConnectProtocol: true }, (asked, headers) => {
    t.like(headers, { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' });
    asked.respond({ ':status': 200 });
    asked.pipe(asked);
  });
  const upgrade = { upgrade: 'websocket', target: '/chat' };
  const { exchange, response } = ask(await dial(t, port), upgrade, false);
  await eventually('the answer', () => response.heads.length > 0 || undefined);
  exchange.write(Buffer.from('hello'));
  exchange.end();
  await eventually('the end', () => response.closes.length > 0 || undefined);
  t.is(response.heads[0]?.status, 101);
  t.is(response.text, 'hello');
});
