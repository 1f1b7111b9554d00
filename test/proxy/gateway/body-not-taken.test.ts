/** A service that takes no more of a body than fits into buffers: the time of the request ends it, and it is named. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

/** More than the buffers between the client and the service hold. */
const BODY = Buffer.alloc(64 * 1024 * 1024, 'b');

async function world(t: ExecutionContext) {
  const sockets = new Set<Socket>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const clock = createManualClock();
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, limits: {requestSeconds: 10, responseSeconds: 100}, routes: [{backend: 'frozen:80'}]}\n`,
    services: { frozen: (server.address() as AddressInfo).port },
    clock,
  });
  const refused = async (reason: string): Promise<number> =>
    (await gateway.metrics()).sum('hauberk_gateway_requests_refused_total', { reason });
  return { clock, port: gateway.port('web'), refused, reached: () => sockets.size > 0 };
}

/** Waits until what was written waits, because nobody takes it. */
async function stalled(reached: () => boolean, socket: Socket, out: Writable): Promise<void> {
  let before = -1;
  let rounds = 0;
  await eventually('the body waits', () => {
    const written = socket.bytesWritten - out.writableLength;
    rounds = reached() && written === before ? rounds + 1 : 0;
    before = written;
    return rounds >= 10 || undefined;
  });
}

test('HTTP/1: what the client has sent waits for the service, which is late', async (t) => {
  const { clock, port, refused, reached } = await world(t);
  const socket = await connectTcp(t, port);
  socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n`);
  socket.write(BODY);
  await stalled(reached, socket, socket);
  const answer = within('it is answered', once(socket, 'data'));
  await clock.advance(9_000);
  t.is(await refused('service-late'), 0);
  await clock.advance(2_000);
  t.regex(String((await answer)[0]), /^HTTP\/1\.1 504 /);
  t.is(await refused('service-late'), 1);
  t.is(await refused('too-late'), 0);
});

test('HTTP/2: what the client has sent waits for the service, which is late', async (t) => {
  const { clock, port, refused, reached } = await world(t);
  const socket = await connectTcp(t, port);
  const session = http2.connect('http://a', {
    createConnection: () => socket,
    // Room for the whole body, in MiB.
    maxSessionMemory: 256,
  });
  t.teardown(() => session.destroy());
  session.on('error', () => {});
  const request = session.request({ ':path': '/', ':method': 'POST' });
  request.on('error', () => {});
  request.end(BODY);
  await stalled(reached, socket, request);
  const answer = within('it is answered', once(request, 'response'));
  await clock.advance(11_000);
  const [headers] = (await answer) as [http2.IncomingHttpHeaders];
  t.is(Number(headers[':status']), 504);
  t.is(await refused('service-late'), 1);
  t.is(await refused('too-late'), 0);
});
