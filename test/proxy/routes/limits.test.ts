// What a caller's sidecar may collect while a service does not answer: requests that wait, and connections without any.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { routes, rule, startRoutes } from './routes-under-test.ts';

test('requests that wait for a connection are bounded, and go on when there is one', async (t) => {
  const circuitBreaker = { maxParallelRequests: 100, maxPendingRequests: 2 };
  const { port, add, hold } = await startRoutes(t, routes([rule()], { circuitBreaker }));
  const app = await startRecordingApp(t, 'a');
  add('a', app.port);
  const release = hold();
  const waiting = [ask(port), ask(port)];
  while (release.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
  const refused = await ask(port);
  t.is(refused.status, 503);
  t.is(refused.headers['proxy-status'], 'hauberk; error=connection_limit_reached');
  release();
  for (const answer of await Promise.all(waiting)) t.is(answer.body, 'a');
  t.is(app.requests.length, 2);
});

test('a client that gives up while it waits for a connection asks the service nothing', async (t) => {
  const { port, add, hold, metrics } = await startRoutes(t);
  const app = await startRecordingApp(t, 'a');
  add('a', app.port);
  const release = hold();
  const client = connect(port, '127.0.0.1');
  client.write('GET /gone HTTP/1.1\r\nHost: web\r\n\r\n');
  while (release.waiting < 1) await new Promise((resolve) => setImmediate(resolve));
  client.destroy();
  while ((await metrics()).sum('hauberk_route_requests_total', { status: 'client-gone' }) === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  release();
  t.is((await ask(port, '/next')).body, 'a');
  t.deepEqual(
    app.requests.map(({ url }) => url),
    ['/next'],
  );
});

test('connections that have said nothing end with the drain, and those that serve with their last answer', async (t) => {
  const { port, add, connections } = await startRoutes(t);
  const waiting: (() => void)[] = [];
  const app = await startRecordingApp(t, 'a', (response) => {
    waiting.push(() => response.end('last'));
  });
  add('a', app.port);
  const silent = connect(port, '127.0.0.1');
  await once(silent, 'connect');
  const last = ask(port);
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  connections.refuse();
  await within('the silent connection has ended', once(silent, 'close'));
  waiting[0]?.();
  const answer = await last;
  t.is(answer.body, 'last');
  t.is(answer.headers.connection, 'close');
  await within('nothing is left', connections.idle());
});

test('a slow client and a slow service hold back what is sent, and nothing is lost', async (t) => {
  const { port, add } = await startRoutes(t);
  const bytes = 8 * 1024 * 1024;
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
      socket.write(Buffer.alloc(bytes, 'x'));
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  add('a', (server.address() as AddressInfo).port);
  const client = connect(port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
  let heard = 0;
  for await (const chunk of client) {
    heard += (chunk as Buffer).length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.true(heard > bytes);
});
