/**
 * Clients that ask and do not take what they are sent: their answers, and their connections, end, and what
 * they do not read is not gathered for them.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { CLIENT_PREFACE, FRAME, frame } from '../../helpers/clients/http2-frames.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { connectTcp, readText } from '../../helpers/clients/tcp-client.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';
import { rawGet } from './raw-get.ts';

const PIECE = Buffer.alloc(65_536);
const MANY_BYTES = 256 * 1024 * 1024;

/** Serves more than any buffer holds, as fast as it is read; an upgrade is answered likewise, or accepted. */
async function startSource(t: ExecutionContext) {
  let bytes = 0;
  const serve = (out: Writable): void => {
    const more = (): void => {
      while (bytes < MANY_BYTES) {
        bytes += PIECE.length;
        if (!out.write(PIECE)) return;
      }
      out.end();
    };
    out.on('drain', more);
    out.on('error', () => {});
    more();
  };
  const server = http.createServer((_request, response) => serve(response));
  server.on('upgrade', (request: http.IncomingMessage, socket: Socket) => {
    socket.on('error', () => {});
    if (request.url !== '/chat') {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      return serve(socket);
    }
    const fields = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, bytes: () => bytes };
}

async function world(t: ExecutionContext) {
  const source = await startSource(t);
  const clock = createManualClock();
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, limits: {streamIdleSeconds: 10, idleSeconds: 5}, routes: [{backend: 'source:80'}]}\n`,
    services: { source: source.port },
    clock,
  });
  return { source, clock, gateway, port: gateway.port('web') };
}

const openConnections = async ({ metrics }: GatewayUnderTest): Promise<number> =>
  (await metrics()).sum('hauberk_gateway_connections_open');

const isIdle = async ({ metrics }: GatewayUnderTest): Promise<number> =>
  (await metrics()).sum('hauberk_gateway_requests_refused_total', { reason: 'stream-idle' });

/** Waits until the source has served something, and nothing more for a while. */
async function stalled(bytes: () => number): Promise<void> {
  let before = 0;
  let rounds = 0;
  await eventually('the source waits', () => {
    rounds = bytes() === before && before > 0 ? rounds + 1 : 0;
    before = bytes();
    return rounds >= 10 || undefined;
  });
}

const UPGRADE =
  'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
const SETTINGS_WITHOUT_WINDOW = Buffer.from([0, 4, 0, 0, 0, 0]);
const WINDOW = Buffer.from([0x7f, 0xff, 0, 0]);

/** HTTP/2 with a window that holds all, so that it is TCP that stands still; or with none. */
const begins = (hasWindow: boolean): Buffer =>
  Buffer.concat([
    CLIENT_PREFACE.subarray(0, 24),
    frame({
      type: FRAME.settings,
      payload: hasWindow ? Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]) : SETTINGS_WITHOUT_WINDOW,
    }),
    ...(hasWindow ? [frame({ type: FRAME.windowUpdate, payload: WINDOW })] : []),
  ]);

for (const [what, request] of [
  ['HTTP/1', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an upgrade that is answered otherwise', `GET / HTTP/1.1\r\n${UPGRADE}`],
  ['HTTP/2 whose TCP connection stands still', Buffer.concat([begins(true), rawGet('/')])],
] as const) {
  test(`${what}: the service waits for the client, and the connection ends`, async (t) => {
    const { source, clock, gateway, port } = await world(t);
    const socket = await connectTcp(t, port);
    socket.write(request);
    await stalled(source.bytes);
    t.true(source.bytes() < MANY_BYTES / 2, 'it was not gathered');
    await clock.advance(9_000);
    t.is(await openConnections(gateway), 1);
    await clock.advance(1_000);
    t.is(await isIdle(gateway), 1);
    await eventually('the connection is gone', async () => {
      await clock.advance(1_000);
      return (await openConnections(gateway)) === 0 || undefined;
    });
  });
}

for (const [what, path, isRefusal] of [
  ['an answer', '/', false],
  ['a refusal', '/a/../b', true],
] as const) {
  test(`HTTP/2: ${what} that the client has no window for is broken off`, async (t) => {
    const { source, clock, gateway, port } = await world(t);
    const socket = await connectTcp(t, port);
    socket.resume();
    socket.write(Buffer.concat([begins(false), rawGet(path)]));
    if (isRefusal) {
      const refused = async (): Promise<true | undefined> =>
        (await gateway.metrics()).sum('hauberk_gateway_requests_refused_total') > 0 || undefined;
      await eventually('it is refused', refused);
    } else await stalled(source.bytes);
    await clock.advance(10_000);
    await eventually('it is idle', async () => (await isIdle(gateway)) === 1 || undefined);
    t.is(await openConnections(gateway), 1);
    // Nothing else is asked.
    await eventually('the connection is gone', async () => {
      await clock.advance(1_000);
      return (await openConnections(gateway)) === 0 || undefined;
    });
  });
}

test('a WebSocket on which nothing moves is reset, and one that talks is not', async (t) => {
  const { clock, gateway, port } = await world(t);
  const socket = await connectTcp(t, port);
  socket.write(`GET /chat HTTP/1.1\r\n${UPGRADE}`);
  let head = '';
  while (!head.endsWith('\r\n\r\n')) head += await readText(socket, 1);
  t.regex(head, /^HTTP\/1\.1 101 /);
  for (let round = 0; round < 5; round += 1) {
    socket.write('round');
    t.regex(await readText(socket, 5), /^round$/);
    await clock.advance(9_000);
  }
  t.is(await isIdle(gateway), 0);
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
  await clock.advance(1_000);
  t.is((await failed).code, 'ECONNRESET');
  t.is(await isIdle(gateway), 1);
});

test('HTTP/2: a connection that asks nothing ends, whatever else it says', async (t) => {
  const { clock, gateway, port } = await world(t);
  const silent = http2.connect(`http://127.0.0.1:${port}`);
  const chatty = http2.connect(`http://127.0.0.1:${port}`);
  for (const session of [silent, chatty]) {
    t.teardown(() => session.destroy());
    session.on('error', () => {});
    await once(session, 'remoteSettings');
  }
  const ends = [silent, chatty].map((session) => once(session, 'goaway'));
  for (let round = 0; round < 4; round += 1) {
    chatty.settings({ maxConcurrentStreams: 10 + round });
    await new Promise((resolve) => chatty.ping(() => resolve(undefined)));
    await clock.advance(1_000);
  }
  t.is(await openConnections(gateway), 2);
  await clock.advance(1_000);
  const codes = (await Promise.all(ends)).map(([code]) => code as number);
  t.deepEqual(codes, [http2.constants.NGHTTP2_NO_ERROR, http2.constants.NGHTTP2_NO_ERROR]);
  await eventually(
    'the connections are gone',
    async () => (await openConnections(gateway)) === 0 || undefined,
  );
});
