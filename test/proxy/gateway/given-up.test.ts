/**
 * Clients that give up before the answer, or in the middle of it: the service hears of it at once, nothing stays
 * open to it, and no request is sent again. In each version of HTTP on both sides, and for WebSockets.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2, { constants } from 'node:http2';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { fileScope } from '../../helpers/scope.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();

/** A service that answers `/ok`, begins endless answers to `/endless`, and is silent otherwise. */
interface Service {
  readonly port: number;
  readonly asked: string[];
  /** Requests that have been given up. */
  readonly givenUp: string[];
  readonly open: Set<Duplex>;
}

/** More than is read by anybody at once, and less than node:http2 bears to hold of streams that were reset. */
const ENDLESS_BYTES = 1024 * 1024;

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

function answer(path: string, write: (bytes: string) => void, end: () => void): void {
  if (path.startsWith('/ok')) end();
  else if (path.startsWith('/endless')) write('x'.repeat(ENDLESS_BYTES));
}

async function startService(): Promise<Service> {
  const service = { asked: [] as string[], givenUp: [] as string[], open: new Set<Duplex>() };
  const server = http.createServer((request, response) => {
    const path = request.url ?? '';
    service.asked.push(path);
    response.on('error', () => {});
    response.on('close', () => {
      if (!response.writableFinished) service.givenUp.push(path);
    });
    answer(
      path,
      (bytes) => response.write(bytes),
      () => response.end('well'),
    );
  });
  server.on('upgrade', (request, socket) => {
    service.asked.push(request.url ?? '');
    socket.on('error', () => {});
    socket.resume().on('close', () => service.givenUp.push(request.url ?? ''));
    socket.on('end', () => socket.end());
  });
  server.on('connection', (socket) => {
    service.open.add(socket);
    socket.on('close', () => service.open.delete(socket));
  });
  scope.teardown(() => {
    for (const socket of service.open) socket.destroy();
    server.close();
  });
  return { ...service, port: await listening(server) };
}

/** The same over HTTP/2; what is open are the requests. */
async function startHttp2Service(): Promise<Service> {
  const service = { asked: [] as string[], givenUp: [] as string[], open: new Set<Duplex>() };
  const sessions = new Set<http2.Http2Session>();
  const server = http2.createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    const path = String(headers[':path']);
    service.asked.push(path);
    service.open.add(stream);
    stream.on('error', () => {});
    stream.on('close', () => {
      service.open.delete(stream);
      if (stream.rstCode === constants.NGHTTP2_CANCEL) service.givenUp.push(path);
    });
    stream.resume();
    answer(
      path,
      (bytes) => {
        stream.respond();
        stream.write(bytes);
      },
      () => {
        stream.respond();
        stream.end('well');
      },
    );
  });
  scope.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { ...service, port: await listening(server) };
}

let one: Service;
let two: Service;
let gateway: GatewayUnderTest;

test.before(async () => {
  one = await startService();
  two = await startHttp2Service();
  gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    limits: {responseSeconds: 600}
    routes:
      - {hostnames: [two.test], backend: 'two:80', appProtocol: h2c}
      - {backend: 'one:80'}
`,
    services: { one: one.port, two: two.port },
  });
});

const CLIENTS = {
  /** Asks in HTTP/1, and closes: with a FIN, as programs that end do. */
  'HTTP/1, FIN': async (host: string, path: string) => {
    const socket = net.connect(gateway.port('web'), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return { body: once(socket, 'data'), giveUp: () => socket.destroySoon() };
  },
  'HTTP/1, RST': async (host: string, path: string) => {
    const socket = net.connect(gateway.port('web'), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return { body: once(socket, 'data'), giveUp: () => socket.resetAndDestroy() };
  },
  'HTTP/2, RST_STREAM': async (host: string, path: string) => {
    const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`);
    session.on('error', () => {});
    scope.teardown(() => session.destroy());
    const stream = session.request({ ':authority': host, ':path': path });
    stream.on('error', () => {});
    return { body: once(stream, 'data'), giveUp: () => stream.close(constants.NGHTTP2_CANCEL) };
  },
  'HTTP/2, connection lost': async (host: string, path: string) => {
    const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`);
    session.on('error', () => {});
    const stream = session.request({ ':authority': host, ':path': path });
    stream.on('error', () => {});
    return { body: once(stream, 'data'), giveUp: () => session.destroy() };
  },
} as const;

let count = 0;

/** A connection that is kept, since what is kept is used again, and might be taken for stale. */
async function warm(t: ExecutionContext, host: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${gateway.port('web')}/ok`, { headers: { host } });
  t.is(await response.text(), 'well');
}

for (const [name, connect] of Object.entries(CLIENTS)) {
  for (const host of ['one.test', 'two.test']) {
    const service = (): Service => (host === 'one.test' ? one : two);
    for (const kind of ['silent', 'endless']) {
      test.serial(`${name}, ${host}, ${kind}: given up at once, and never repeated`, async (t) => {
        await warm(t, host);
        count += 1;
        const path = `/${kind}-${count}`;
        const client = await connect(host, path);
        if (kind === 'endless') await within('the answer begins', client.body);
        else client.body.catch(() => {});
        await eventually('the service is asked', () => service().asked.includes(path) || undefined);
        client.giveUp();
        await eventually(
          'the service hears of it',
          () => service().givenUp.includes(path) || undefined,
        );
        // A request that was sent again would have overtaken this one.
        await warm(t, host);
        t.is(service().asked.filter((asked) => asked === path).length, 1);
      });
    }
  }
}

test.serial('a hundred that are given up before they are sent leave nothing', async (t) => {
  for (const host of ['one.test', 'two.test']) {
    const before = (host === 'one.test' ? one : two).asked.length;
    for (let at = 0; at < 100; at += 1) {
      const socket = net.connect(gateway.port('web'), '127.0.0.1');
      socket.on('error', () => {});
      socket.write(`GET /early-${at} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () =>
        socket.destroySoon(),
      );
      await once(socket, 'close');
    }
    await eventually('nothing is open in front', async () => {
      const metrics = await gateway.metrics();
      const open = metrics.sum('hauberk_gateway_connections_open');
      // Those of HTTP/2 clients of the tests before stay.
      return open <= 8 ? true : undefined;
    });
    await warm(t, host);
    const asked = (host === 'one.test' ? one : two).asked.slice(before);
    t.is(new Set(asked).size, asked.length, 'none was sent twice');
  }
  await eventually('no request is open at the service', () =>
    two.open.size === 0 ? true : undefined,
  );
  await eventually('what is open there is what is kept', () =>
    one.open.size <= 2 ? true : undefined,
  );
});

const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

for (const [how, end] of [
  ['FIN', (socket: net.Socket) => void socket.end()],
  ['FIN after early data', (socket: net.Socket) => void socket.end('early')],
  ['RST', (socket: net.Socket) => void socket.resetAndDestroy()],
] as const) {
  test.serial(`a WebSocket that is given up before the service has agreed: ${how}`, async (t) => {
    await warm(t, 'one.test');
    count += 1;
    const path = `/chat-${count}`;
    const socket = net.connect(gateway.port('web'), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: one.test\r\n${UPGRADE}`);
    await eventually('the service is asked', () => one.asked.includes(path) || undefined);
    end(socket);
    await eventually('the service hears of it', () => one.givenUp.includes(path) || undefined);
    if (!socket.closed) await within('its own end closes', once(socket.resume(), 'close'));
    await warm(t, 'one.test');
    t.is(one.asked.filter((asked) => asked === path).length, 1);
  });
}
