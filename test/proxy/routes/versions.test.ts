// Client and service may speak different versions of HTTP; what is neither request nor response goes on as bytes.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { connect, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import type { Scope } from '../../helpers/scope.ts';
import { routes, rule, startRoutes } from './routes-under-test.ts';

function openSession(scope: Scope, port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  scope.teardown(() => session.destroy());
  return session;
}

async function askHttp2(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: string,
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const stream = session.request(headers, { endStream: body === undefined });
  let status: number | undefined;
  stream.on('response', (head) => {
    status = head[':status'];
  });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (body !== undefined) stream.end(body);
  await within('the answer is whole', once(stream, 'end'));
  return { status, body: Buffer.concat(chunks).toString() };
}

test('a client of HTTP/2, and a service that is said to speak HTTP/1', async (t) => {
  const { port, add } = await startRoutes(t, routes([rule()], { appProtocol: 'http' }));
  const apps = [await startRecordingApp(t, 'a'), await startRecordingApp(t, 'b')];
  for (const [at, app] of apps.entries()) add(String(at), app.port);
  const session = openSession(t, port);
  const post = { ':method': 'POST', ':path': '/x?y', 'x-one': '1' };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => askHttp2(session, post, 'hello')),
  );
  t.true(answers.every(({ status }) => status === 200));
  t.deepEqual([...new Set(answers.map(({ body }) => body))].toSorted(), ['a', 'b']);
  const [request] = apps[0]?.requests ?? [];
  t.is(request?.url, '/x?y');
  t.is(request?.body, 'hello');
  t.is(request?.headers['x-one'], '1');
});

test('a client of HTTP/1, and a service that is said to speak HTTP/2', async (t) => {
  const { port, add } = await startRoutes(t, routes([rule()], { appProtocol: 'h2c' }));
  const seen: http2.IncomingHttpHeaders[] = [];
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    seen.push(headers);
    stream.respond({ ':status': 201 });
    stream.end('of h2');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  add('a', (server.address() as AddressInfo).port);
  const answer = await ask(port, '/z', { method: 'PUT', body: 'up', headers: { 'X-Two': '2' } });
  t.is(answer.status, 201);
  t.is(answer.body, 'of h2');
  t.is(seen[0]?.[':path'], '/z');
  t.is(seen[0]?.['x-two'], '2');
  t.is(seen[0]?.['content-length'], '2');
});

test('a WebSocket carries bytes both ways until it ends', async (t) => {
  const { port, add, metrics } = await startRoutes(t);
  const server = http.createServer();
  server.on('upgrade', (_request, socket: Socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    );
    socket.on('data', (chunk: Buffer) => socket.write(chunk));
    socket.on('end', () => socket.end('bye'));
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  add('a', (server.address() as AddressInfo).port);
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let heard = '';
  client.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
  });
  client.write(
    'GET /ws HTTP/1.1\r\nHost: web\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  );
  await within('it is another connection now', once(client, 'data'));
  t.true(heard.startsWith('HTTP/1.1 101 '), heard);
  client.write('one');
  await within('it is sent back', once(client, 'data'));
  client.end();
  await within('the service has ended it', once(client, 'end'));
  t.true(heard.endsWith('onebye'), heard);
  await eventually('it was counted', async () => {
    const samples = await metrics();
    return samples.sum('hauberk_route_requests_total', { status: '1xx' }) === 1 || undefined;
  });
});

test('a large body goes through as it comes, in both directions', async (t) => {
  const { port, add } = await startRoutes(t);
  add('a', (await startHttpApp(t, 'a')).port);
  const parts = Array.from({ length: 64 }, () => randomBytes(256 * 1024).toString('latin1'));
  const hash = createHash('sha256');
  const request = http.request({ host: '127.0.0.1', port, path: '/digest', method: 'POST' });
  for (const part of parts) {
    const bytes = Buffer.from(part, 'latin1');
    hash.update(bytes);
    if (!request.write(bytes)) await once(request, 'drain');
  }
  request.end();
  const [response] = (await within('the answer', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  let digest = '';
  for await (const chunk of response) digest += String(chunk);
  t.is(digest, hash.digest('hex'));
});
