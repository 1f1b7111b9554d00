/** One client with many slow connections shuts nobody out, whatever a listener speaks. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const SLOW = '127.0.0.2';
const HONEST = '127.0.0.1';

async function service(t: ExecutionContext): Promise<number> {
  const server = http.createServer((_request, response) => response.end('served'));
  server.listen(0, HONEST);
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

/** Connected, or refused at once. */
function arrived(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('connect', () => resolve());
    socket.once('close', () => resolve());
  });
}

/** Connections of one client that send so much and no more. */
async function hold(
  t: ExecutionContext,
  port: number,
  { count, from, bytes }: { readonly count: number; readonly from: string; readonly bytes: string },
): Promise<readonly net.Socket[]> {
  const sockets: net.Socket[] = [];
  for (let at = 0; at < count; at += 1) {
    const socket = net.connect({ port, host: HONEST, localAddress: from });
    socket.on('error', () => {});
    socket.resume();
    await within('it is connected, or reset', arrived(socket));
    socket.write(bytes);
    sockets.push(socket);
  }
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}

function ask(port: number): Promise<number | undefined> {
  return within(
    'an answer',
    new Promise((resolve, reject) => {
      const options = { port, host: HONEST, localAddress: HONEST, agent: false } as const;
      const request = http.get(options, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      });
      request.on('error', reject);
    }),
  );
}

const LIMITS = 'limits: { connections: 60 }';
const HTTP_ROUTE = 'routes: [{ backend: "api:80" }]';

for (const [what, listener, bytes] of [
  ['half a request', `protocol: HTTP, ${HTTP_ROUTE}`, 'GET / HTTP/1.1\r\nHost: a'],
  ['nothing', `protocol: HTTP, ${HTTP_ROUTE}`, ''],
  ['half an HTTP/2 preface', `protocol: HTTP, ${HTTP_ROUTE}`, 'PRI * HTTP/2.0\r\n'],
  ['a whole HTTP/2 preface', `protocol: HTTP, ${HTTP_ROUTE}`, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['nothing at all to TCP', 'protocol: TCP, backend: "api:80"', ''],
] as const) {
  test(`330 connections that send ${what} leave room for others`, async (t) => {
    const port = await service(t);
    const listeners = `  - { name: web, listen: '${HONEST}:0', ${listener}, ${LIMITS} }\n`;
    const gateway = await openGatewayUnderTest(t, { listeners, services: { api: port } });
    const at = gateway.port('web');
    await hold(t, at, { count: 330, from: SLOW, bytes });
    for (let times = 0; times < 20; times += 1) t.is(await ask(at), 200);
    const refused = await eventually('what was refused is counted', async () => {
      const metrics = await gateway.metrics();
      const sum = metrics.sum('hauberk_gateway_connections_refused_total');
      return sum > 200 ? metrics : undefined;
    });
    const reasons = ['client-limit', 'displaced'].map((reason) =>
      refused.sum('hauberk_gateway_connections_refused_total', { reason }),
    );
    t.true(reasons.some((count) => count > 0));
    const lines = gateway.log.of('connection-refused');
    t.true(lines.length > 0 && lines.every(({ client }) => client === SLOW));
    t.true(lines.length < 100, `a line a second for each reason, and not ${lines.length}`);
  });
}

test('slow connections of two clients make room for a third', async (t) => {
  const port = await service(t);
  const listeners = `  - { name: web, listen: '${HONEST}:0', protocol: HTTP, ${HTTP_ROUTE}, ${LIMITS} }\n`;
  const gateway = await openGatewayUnderTest(t, { listeners, services: { api: port } });
  const at = gateway.port('web');
  const bytes = 'GET / HTTP/1.1\r\n';
  for (const from of ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']) {
    await hold(t, at, { count: 40, from, bytes });
  }
  for (let times = 0; times < 20; times += 1) t.is(await ask(at), 200);
});

test('with the PROXY protocol the client is who the proxy names, and only then', async (t) => {
  const port = await service(t);
  const proxied = "proxyProtocol: { from: ['127.0.0.9/32'] }";
  const listeners = `  - { name: web, listen: '${HONEST}:0', protocol: HTTP, ${HTTP_ROUTE}, ${LIMITS}, ${proxied} }\n`;
  const gateway = await openGatewayUnderTest(t, { listeners, services: { api: port } });
  const at = gateway.port('web');
  const header = (client: number): string =>
    Buffer.concat([
      Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
      Buffer.from([0x21, 0x11, 0, 12, 10, 0, 0, client, 10, 0, 0, 1, 0, 1, 0, 80]),
    ]).toString('latin1');
  const socketsOf = async (client: number, count: number): Promise<readonly net.Socket[]> => {
    const sockets: net.Socket[] = [];
    for (let index = 0; index < count; index += 1) {
      const socket = net.connect({ port: at, host: HONEST, localAddress: '127.0.0.9' });
      socket.on('error', () => {});
      socket.resume();
      await within('it is connected, or reset', arrived(socket));
      socket.write(Buffer.from(`${header(client)}GET / HTTP/1.1\r\n`, 'latin1'));
      sockets.push(socket);
      t.teardown(() => socket.destroy());
    }
    return sockets;
  };
  await socketsOf(1, 100);
  const [honest] = await socketsOf(2, 1);
  if (honest === undefined) return t.fail();
  const answer = within('an answer', once(honest, 'data'));
  honest.write('Host: a\r\n\r\n');
  const [data] = (await answer) as [Buffer];
  t.regex(data.toString(), /^HTTP\/1\.1 200/);
  for (let times = 0; times < 5; times += 1) t.is(await ask(at), 200);
});
