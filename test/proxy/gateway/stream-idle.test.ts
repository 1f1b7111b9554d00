/**
 * An answer that has begun may take as long as it likes while something moves in either direction, and is
 * broken off when nothing does. A body that nobody answers is bounded as a whole.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { connectGrpcEcho, startGrpcEcho } from '../../helpers/servers/grpc-echo.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';
import { startEchoApp } from './echo-app.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const LISTENER = `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    limits: {requestSeconds: 20, streamIdleSeconds: 10}
    routes:
      - {hostnames: [grpc.example.com], backend: 'echo:50051', appProtocol: h2c}
      - {pathPrefix: /for-ever, backend: 'app:80', streamIdleSeconds: 0}
      - {backend: 'app:80'}
`;

/** An application that sends back what comes, as it comes, and a gateway whose time stands still. */
async function world(t: ExecutionContext) {
  const app = await startEchoApp(t, 'app', (request, response) => {
    if (request.url === '/early') {
      response.end('enough');
      return true;
    }
    if (!String(request.url).endsWith('/both')) return false;
    response.flushHeaders();
    request.pipe(response);
    request.on('error', () => {});
    return true;
  });
  const clock = createManualClock();
  const gateway = await openGatewayUnderTest(t, {
    listeners: LISTENER,
    services: { app: app.port, echo: await startGrpcEcho(t) },
    clock,
  });
  const port = gateway.port('web');
  const idle = async (): Promise<number> =>
    (await gateway.metrics()).sum('hauberk_gateway_requests_refused_total', {
      listener: 'web',
      reason: 'stream-idle',
    });
  const connect = (): http2.ClientHttp2Session => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    t.teardown(() => session.destroy());
    session.on('error', () => {});
    return session;
  };
  return { app, clock, gateway, port, idle, connect };
}

/** Says something on a stream and waits until it comes back; nine seconds each, for nearly two minutes. */
async function talk(
  clock: { advance(ms: number): Promise<void> },
  say: (text: string) => Promise<string>,
  t: ExecutionContext,
): Promise<void> {
  for (let round = 0; round < 12; round += 1) {
    t.is(await say(`round ${round}`), `round ${round}`);
    await clock.advance(9_000);
  }
}

test('HTTP/2: both directions stay open while something moves, and are reset when nothing does', async (t) => {
  const { clock, connect, idle, gateway } = await world(t);
  const session = connect();
  const request = session.request({ ':method': 'POST', ':path': '/both' });
  request.on('error', () => {});
  request.setEncoding('utf8');
  const say = async (text: string): Promise<string> => {
    const back = once(request, 'data');
    request.write(text);
    return String((await within('it comes back', back))[0]);
  };
  await talk(clock, say, t);
  t.is(await idle(), 0);
  await clock.advance(999);
  t.false(request.destroyed, 'there is time until then');
  const closed = new Promise((resolve) => request.once('close', resolve));
  await clock.advance(1);
  await within('it is reset', closed);
  t.is(request.rstCode, http2.constants.NGHTTP2_INTERNAL_ERROR);
  t.is(await idle(), 1);
  t.like(gateway.log.of('request-refused'), [{ reason: 'stream-idle', listener: 'web' }]);
  const other = session.request({ ':path': '/' });
  t.is((await within('others go on', once(other, 'response')))[0][':status'], 200);
});

test('gRPC: a call lives as long as messages come', async (t) => {
  const { clock, port, idle } = await world(t);
  const client = connectGrpcEcho(t, { port, name: 'grpc.example.com' });
  const call = client.both();
  call.on('error', () => {});
  const say = async (text: string): Promise<string> => {
    const back = once(call, 'data');
    call.write(Buffer.from(text));
    return String((await within('it comes back', back))[0]);
  };
  await talk(clock, say, t);
  const status = new Promise<grpc.StatusObject>((resolve) => call.once('status', resolve));
  await clock.advance(1_000);
  t.is((await within('it ends', status)).code, grpc.status.DEADLINE_EXCEEDED);
  t.is(await idle(), 1);
});

test('HTTP/1: a body that goes on while the answer does is not bounded by its length', async (t) => {
  const { clock, port, idle } = await world(t);
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/both' });
  t.teardown(() => request.destroy());
  request.on('error', () => {});
  request.flushHeaders();
  const [response] = (await within('it begins', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  response.setEncoding('utf8');
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => response.once('error', resolve));
  const say = async (text: string): Promise<string> => {
    const back = once(response, 'data');
    request.write(text);
    return String((await within('it comes back', back))[0]);
  };
  await talk(clock, say, t);
  await clock.advance(1_000);
  t.is((await within('it is reset', failed)).code, 'ECONNRESET');
  t.is(await idle(), 1);
});

test('a route may say that nothing has to move', async (t) => {
  const { clock, connect, idle } = await world(t);
  const request = connect().request({ ':method': 'POST', ':path': '/for-ever/both' });
  await within('it begins', once(request, 'response'));
  await clock.advance(1_000_000);
  request.end('still here');
  const chunks = (await within('it ends', request.setEncoding('utf8').toArray())) as string[];
  t.is(chunks.join(''), 'still here');
  t.is(await idle(), 0);
});

test('408 for a body that trickles, and is not answered meanwhile', async (t) => {
  const { clock, port, connect, app, gateway } = await world(t);
  const slow = await connectTcp(t, port);
  slow.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
  const request = connect().request({ ':method': 'POST', ':path': '/' });
  await eventually('both have begun', () => gateway.asked.length === 2 || undefined);
  for (let round = 0; round < 19; round += 1) {
    slow.write('x');
    request.write('x');
    await clock.advance(1_000);
  }
  t.is(slow.bytesRead, 0, 'there is time until then');
  const answered = once(request, 'response');
  await clock.advance(1_000);
  t.is((await within('408', answered))[0][':status'], 408);
  t.regex(await readText(slow, 20), /^HTTP\/1\.1 408 /);
  t.is(app.seen.length, 0);
});

test('HTTP/1: what is left of a body after the answer is not read for ever', async (t) => {
  const { clock, port } = await world(t);
  const socket = await connectTcp(t, port);
  socket.write('POST /early HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  t.regex(await readText(socket, 15), /^HTTP\/1\.1 200/);
  const ended = endOf(socket);
  for (let round = 0; round < 19; round += 1) {
    socket.write('1\r\nx\r\n');
    await clock.advance(1_000);
  }
  t.false(socket.destroyed, 'there is time until then');
  await clock.advance(1_000);
  t.is(await ended, 'reset');
});
