/**
 * Both roles of the engine between a client and a server of node:http: what each sees is what it would see without a
 * proxy, but for what belongs to a connection.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually, within } from '../../../helpers/deadline.ts';
import { sendRaw } from '../../../helpers/clients/raw-connection.ts';
import { startTcpApp } from '../../../helpers/servers/tcp-app.ts';
import { type PassProxy, startPassProxy } from './pass-proxy.ts';

interface Pair extends PassProxy {
  readonly server: http.Server;
  readonly agent: http.Agent;
}

async function startPair(t: ExecutionContext, serve: http.RequestListener): Promise<Pair> {
  const server = http.createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const agent = new http.Agent({ keepAlive: true });
  t.teardown(() => agent.destroy());
  const proxy = await startPassProxy(t, (server.address() as AddressInfo).port);
  return { ...proxy, server, agent };
}

interface Answer {
  readonly status: number | undefined;
  readonly message: string | undefined;
  readonly headers: readonly string[];
  readonly trailers: readonly string[];
  readonly body: Buffer;
}

async function ask(
  { port, agent }: Pair,
  options: http.RequestOptions,
  send: (request: http.ClientRequest) => void = (request) => void request.end(),
): Promise<Answer> {
  const request = http.request({ port, host: '127.0.0.1', agent, ...options });
  send(request);
  const [response] = (await within('a response', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  await within('the end of the response', once(response, 'end'));
  return {
    status: response.statusCode,
    message: response.statusMessage,
    headers: response.rawHeaders,
    trailers: response.rawTrailers,
    body: Buffer.concat(chunks),
  };
}

/** Says in its body what it was asked. */
function tell(request: http.IncomingMessage, response: http.ServerResponse): void {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => {
    const { method, url, rawHeaders, rawTrailers } = request;
    response.sendDate = false;
    response.end(
      JSON.stringify({ method, url, rawHeaders, rawTrailers, bytes, sha256: hash.digest('hex') }),
    );
  });
}

interface Told {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly rawTrailers: readonly string[];
  readonly bytes: number;
  readonly sha256: string;
}

function told({ body }: Answer): Told {
  return JSON.parse(body.toString()) as Told;
}

test('each method arrives with its fields, and without framing where it has no body', async (t) => {
  const pair = await startPair(t, tell);
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'MKCOL', 'PROPFIND', 'PURGE']) {
    const raw = `${method} /a%20b?c=d HTTP/1.1\r\nHost: one.example\r\nX-B: 2\r\nx-a: 1\r\nConnection: close\r\n\r\n`;
    const { ended } = sendRaw(pair.port, raw);
    const text = (await within('an answer', ended)).toString();
    t.regex(text, /^HTTP\/1\.1 200 OK\r\n/);
    const { rawHeaders, url, ...rest } = JSON.parse(/\{.*\}/.exec(text)?.[0] ?? '{}') as Told;
    t.is(rest.method, method);
    t.is(url, '/a%20b?c=d');
    t.deepEqual(rawHeaders, ['Host', 'one.example', 'X-B', '2', 'x-a', '1']);
  }
  t.is(pair.upstreams.size, 1, 'one connection was kept for all');
});

test('bodies of all sizes and framings arrive whole, both ways, on kept connections', async (t) => {
  const pair = await startPair(t, (request, response) => {
    const length = request.headers['content-length'];
    if (length !== undefined) response.setHeader('Content-Length', length);
    request.pipe(response);
  });
  for (const bytes of [0, 1, 1_000, 16_384, 16_385, 70_000, 1_048_576, 5_000_000]) {
    const body = randomBytes(bytes);
    for (const framing of ['length', 'chunks']) {
      const answer = await ask(pair, { method: 'POST' }, (request) => {
        if (framing === 'length') request.setHeader('Content-Length', bytes);
        else request.setHeader('Transfer-Encoding', 'chunked');
        request.end(body);
      });
      t.true(answer.body.equals(body), `${bytes} bytes, ${framing}`);
    }
  }
  t.is(pair.connections.size, 1);
  t.is(pair.upstreams.size, 1);
});

test('trailers arrive both ways', async (t) => {
  const pair = await startPair(t, (request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(200, { Trailer: 'X-Got' });
      response.write('body');
      response.addTrailers({ 'X-Got': request.rawTrailers.join() });
      response.end();
    });
  });
  const answer = await ask(pair, { method: 'POST' }, (request) => {
    request.setHeader('Trailer', 'X-Sum');
    request.write('body');
    request.addTrailers({ 'X-Sum': '1' });
    request.end();
  });
  t.deepEqual(answer.trailers, ['X-Got', 'X-Sum,1']);
  t.true(answer.headers.includes('Trailer'));
});

test('a response has its status, its phrase and its framing, whatever the method', async (t) => {
  const pair = await startPair(t, (request, response) => {
    response.sendDate = false;
    const url = new URL(request.url ?? '', 'http://a');
    const status = Number(url.pathname.slice(1));
    response.writeHead(status, 'So it is', {
      'X-B': ['1', '2'],
      ...(url.search === '?length' && { 'Content-Length': 4 }),
    });
    const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 304;
    response.end(hasBody ? 'body' : undefined);
  });
  for (const method of ['GET', 'HEAD', 'PUT']) {
    for (const status of [200, 201, 204, 205, 304, 404, 418, 500, 599]) {
      for (const query of ['', '?length']) {
        const path = `/${status}${query}`;
        const through = await ask(pair, { method, path });
        const { port } = pair.server.address() as AddressInfo;
        const direct = await ask({ ...pair, port }, { method, path, agent: false });
        const own = new Set(['connection', 'keep-alive', 'close', 'timeout=5']);
        const endToEnd = ({ headers }: Answer): string[] =>
          headers.filter((text) => !own.has(text.toLowerCase())).sort();
        // RFC 9110 section 8.6: no such length with a 204; Node.js sends one.
        const expected = endToEnd(direct).filter(
          (text) => status !== 204 || !['Content-Length', '4'].includes(text),
        );
        // A HEAD says nothing of chunks, which are of one connection.
        const chunks = new Set(['Transfer-Encoding', 'chunked']);
        t.deepEqual(
          endToEnd(through).filter((text) => !chunks.has(text)),
          expected.filter((text) => !chunks.has(text)),
          `${method} ${path}`,
        );
        t.deepEqual(
          [through.status, through.message, through.body],
          [direct.status, direct.message, direct.body],
        );
      }
    }
  }
});

test("100 is the service's to say, and so is a refusal instead", async (t) => {
  const pair = await startPair(t, tell);
  pair.server.on(
    'checkContinue',
    (request: http.IncomingMessage, response: http.ServerResponse) => {
      if (request.url === '/no') {
        response.writeHead(417).end();
        return;
      }
      response.writeContinue();
      tell(request, response);
    },
  );
  const yes = await ask(pair, { method: 'PUT' }, (request) => {
    request.setHeader('Expect', '100-continue');
    request.flushHeaders();
    request.on('continue', () => request.end('body'));
  });
  t.is(told(yes).bytes, 4);
  const no = await ask(pair, { method: 'PUT', path: '/no' }, (request) => {
    request.setHeader('Expect', '100-continue');
    request.flushHeaders();
  });
  t.is(no.status, 417);
  t.true(no.headers.includes('close'), 'whether the body still comes is not known');
});

test('103 arrives before the response', async (t) => {
  const pair = await startPair(t, (_request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    response.end('ok');
  });
  const hints: unknown[] = [];
  await ask(pair, {}, (request) => {
    request.on('information', (info: http.InformationEvent) => hints.push(info.rawHeaders));
    request.end();
  });
  t.deepEqual(hints, [['Link', '</a.css>; rel=preload']]);
});

test('a WebSocket is carried, with what is sent at once and its end', async (t) => {
  const pair = await startPair(t, tell);
  const sockets = new WebSocketServer({ server: pair.server });
  t.teardown(() => sockets.close());
  sockets.on('connection', (socket) => {
    socket.send('hello');
    socket.on('message', (data: Buffer) => socket.send(data.toString().toUpperCase()));
  });
  const client = new WebSocket(`ws://127.0.0.1:${pair.port}/`);
  const messages: string[] = [];
  client.on('message', (data: Buffer) => {
    messages.push(data.toString());
    if (messages.length === 1) client.send('x'.repeat(100_000));
    else client.close();
  });
  await within('the end of the WebSocket', once(client, 'close'));
  t.is(messages[0], 'hello');
  t.is(messages[1], 'X'.repeat(100_000));
  await eventually(
    'nothing is left',
    () => pair.connections.size + pair.upstreams.size === 0 || undefined,
  );
});

test('a client that gives up ends the request of the service, and leaves nothing', async (t) => {
  let aborted = 0;
  let asked = 0;
  const pair = await startPair(t, (_request, response) => {
    asked += 1;
    response.on('close', () => (aborted += 1));
  });
  const sockets = Array.from({ length: 20 }, () =>
    sendRaw(pair.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  );
  await eventually('all are at the service', () => asked === 20 || undefined);
  for (const [index, { socket }] of sockets.entries()) {
    if (index % 2 === 0) socket.end();
    else socket.resetAndDestroy();
  }
  await eventually('all are cancelled', () => aborted === 20 || undefined);
  await eventually(
    'nothing is left',
    () => pair.connections.size + pair.upstreams.size === 0 || undefined,
  );
  t.is(asked, 20);
});

test('a client that half-closes after its last request gets the response', async (t) => {
  let asked = 0;
  let answer = (): void => {};
  const pair = await startPair(t, (_request, response) => {
    asked += 1;
    answer = () => void response.end('late');
  });
  for (const request of [
    'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  ]) {
    const before = asked;
    const { socket, ended } = sendRaw(pair.port, request);
    socket.end();
    await eventually('the request at the service', () => asked > before || undefined);
    // The end has come with the request, or right behind it.
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    const text = (await within('the response', ended)).toString();
    t.regex(text, /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*Connection: close\r\n/);
    t.regex(text, /late/);
  }
});

test('a response that is cut short is never taken for a whole one', async (t) => {
  const pair = await startPair(t, (request, response) => {
    if (request.url === '/length') response.setHeader('Content-Length', 10);
    response.write('half');
    setImmediate(() => response.destroy());
  });
  for (const path of ['/length', '/chunks']) {
    const request = http.get({ port: pair.port, host: '127.0.0.1', path, agent: false });
    request.on('error', () => {});
    const [response] = (await within('a response', once(request, 'response'))) as [
      http.IncomingMessage,
    ];
    response.resume();
    const error = await within(
      'an error',
      new Promise<Error>((resolve) => response.on('error', resolve)),
    );
    t.is((error as NodeJS.ErrnoException).code, 'ECONNRESET');
  }
  t.is(pair.failures.length, 2);
});

test('a slow reader holds the service back, and gets everything', async (t) => {
  let written = 0;
  const bytes = 32 * 1024 * 1024;
  const pair = await startPair(t, (_request, response) => {
    const block = Buffer.alloc(65_536, 'a');
    const more = (): void => {
      while (written < bytes) {
        written += block.length;
        if (!response.write(block)) return;
      }
      response.end();
    };
    response.on('drain', more);
    more();
  });
  const request = http.get({ port: pair.port, host: '127.0.0.1', agent: false });
  const [response] = (await within('a response', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  response.pause();
  let before = 0;
  await eventually('nothing moves any more', () => {
    const hasStopped = written > 0 && written === before;
    before = written;
    return hasStopped || undefined;
  });
  t.true(written < bytes, 'the service was held back');
  let received = 0;
  response.on('data', (chunk: Buffer) => (received += chunk.length));
  response.resume();
  await within('all of it', once(response, 'end'));
  t.is(received, bytes);
});

test('an answer before the whole body reaches the client, and the service gets no more', async (t) => {
  let received = 0;
  // A service that closes at once would lose its answer itself: this one reads on until it is left.
  const app = await startTcpApp(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      if (received === 0) {
        socket.end('HTTP/1.1 413 Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much');
      }
      received += chunk.length;
    });
  });
  const pair = await startPassProxy(t, app.port);
  const bytes = 64 * 1024 * 1024;
  const request = http.request({ port: pair.port, host: '127.0.0.1', method: 'PUT', agent: false });
  request.on('error', () => {});
  const block = Buffer.alloc(65_536);
  let sent = 0;
  const more = (): void => {
    while (sent < bytes && !request.destroyed) {
      sent += block.length;
      if (!request.write(block)) return;
    }
    request.end();
  };
  request.on('drain', more);
  more();
  const [response] = (await within('a response', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  let body = '';
  response.on('data', (chunk: Buffer) => (body += chunk.toString()));
  await within('the end of the response', once(response, 'end'));
  t.is(response.statusCode, 413);
  t.is(body, 'too much');
  t.true(received < bytes);
  request.destroy();
  await eventually(
    'nothing is left',
    () => pair.connections.size + pair.upstreams.size === 0 || undefined,
  );
});
