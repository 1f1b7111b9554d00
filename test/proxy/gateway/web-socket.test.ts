/** WebSockets through a gateway, with a client and a server that are not ours. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually, within } from '../../helpers/deadline.ts';
import { sendRaw } from '../../helpers/clients/raw-connection.ts';
import { fileScope } from '../../helpers/scope.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();
const authority = createTestAuthority();
const certificate = authority.workload('edge', 'www', { dnsNames: ['www.example.com'] });
const root = authority.root.certificate.toString();
const agent = new https.Agent({ ca: root, servername: 'www.example.com' });
let gateway: GatewayUnderTest;
let seen: http.IncomingHttpHeaders = {};
const sockets = new Set<WebSocket>();

/** Echoes what comes to `/echo`, refuses `/private` with 401, and stays silent on `/silent`. */
async function startApp(): Promise<number> {
  const server = http.createServer((_request, response) => response.end('plain'));
  const webSockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    seen = request.headers;
    socket.on('error', () => {});
    if (request.url === '/silent') return;
    if (request.url === '/private') {
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.add(webSocket);
      webSocket.on('message', (data, isBinary) =>
        webSocket.send(data as Buffer, { binary: isBinary }),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    for (const socket of sockets) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test.before(async () => {
  const routes = `[{backend: 'chat:80', responseSeconds: 1}, {hostnames: [old.example.com], requestRedirect: {scheme: https}}]`;
  gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: ${routes}}
  - {name: tls, listen: '127.0.0.1:0', protocol: HTTPS, routes: ${routes}, tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}}
`,
    services: { chat: await startApp() },
    files: certificateFiles('www', certificate),
  });
});

for (const [scheme, listener] of [
  ['ws', 'web'],
  ['wss', 'tls'],
] as const) {
  test.serial(`${scheme}: messages go both ways, and the end arrives`, async (t) => {
    const url = `${scheme}://127.0.0.1:${gateway.port(listener)}/echo`;
    const webSocket = new WebSocket(url, ['chat.v1'], {
      headers: { host: 'www.example.com', 'x-forwarded-for': 'forged' },
      ...(scheme === 'ws' ? {} : { agent }),
    });
    await within('it opens', once(webSocket, 'open'));
    t.is(webSocket.protocol, 'chat.v1');
    for (const message of ['hello', 'x'.repeat(500_000)]) {
      webSocket.send(message);
      const [answer] = (await within('it comes back', once(webSocket, 'message'))) as [Buffer];
      t.is(answer.toString(), message);
    }
    webSocket.close(4001, 'enough');
    const [code, reason] = (await within('it ends', once(webSocket, 'close'))) as [number, Buffer];
    t.is(code, 4001);
    t.is(reason.toString(), 'enough');
    t.is(seen['x-forwarded-for'], '127.0.0.1');
    t.is(seen['x-forwarded-proto'], scheme === 'ws' ? 'http' : 'https');
  });
}

test.serial('the WebSocket of Node.js itself gets through', async (t) => {
  const webSocket = new globalThis.WebSocket(`ws://127.0.0.1:${gateway.port('web')}/echo`);
  await within('it opens', new Promise((resolve) => webSocket.addEventListener('open', resolve)));
  const answer = new Promise<unknown>((resolve) => {
    webSocket.addEventListener('message', ({ data }) => resolve(data));
  });
  webSocket.send('hello');
  t.is(await within('it comes back', answer), 'hello');
  webSocket.close();
});

const UPGRADE =
  'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';

/** On a connection that ends after the answer, where that is one in HTTP. */
const LAST = UPGRADE.replace('Connection: Upgrade', 'Connection: Upgrade, close');

test.serial("the service's refusal is the client's answer, and HTTP goes on", async (t) => {
  const next = 'GET /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const { ended } = sendRaw(gateway.port('web'), `GET /private HTTP/1.1\r\n${UPGRADE}${next}`);
  const answer = (await within('it ends', ended)).toString();
  t.regex(answer, /^HTTP\/1\.1 401 Unauthorized\r\n[^]*\r\n\r\nnoHTTP\/1\.1 200 OK\r\n[^]*plain$/);
});

test.serial('what a service answers to no upgrade at all is not taken for one', async (t) => {
  const { ended } = sendRaw(gateway.port('web'), `GET /silent HTTP/1.1\r\n${LAST}`);
  t.regex((await within('it ends', ended)).toString(), /^HTTP\/1\.1 50[24] /);
});

test.serial('a redirect is answered like any request, and counted', async (t) => {
  const upgrade = LAST.replace('Host: a', 'Host: old.example.com');
  const { ended } = sendRaw(gateway.port('web'), `GET /chat?a HTTP/1.1\r\n${upgrade}`);
  const answer = (await within('it ends', ended)).toString();
  t.regex(answer, /^HTTP\/1\.1 301 [^]*\r\nLocation: https:\/\/old\.example\.com\/chat\?a\r\n/);
  const metrics = await gateway.metrics();
  t.is(metrics.sum('hauberk_gateway_requests_total', { listener: 'web', status: '301' }), 1);
});

test.serial('a service that breaks off is no orderly end', async (t) => {
  const webSocket = new WebSocket(`ws://127.0.0.1:${gateway.port('web')}/echo`);
  await within('it opens', once(webSocket, 'open'));
  for (const socket of sockets)
    (socket as unknown as { _socket: { resetAndDestroy(): void } })._socket.resetAndDestroy();
  const errors: Error[] = [];
  webSocket.on('error', (error) => errors.push(error));
  const [code] = (await within('it ends', once(webSocket, 'close'))) as [number];
  t.is(code, 1006);
});

test.serial('at the end nothing is open', async (t) => {
  const metrics = await eventually('nothing is open', async () => {
    const samples = await gateway.metrics();
    return samples.sum('hauberk_gateway_connections_open') === 0 ? samples : undefined;
  });
  t.true(metrics.sum('hauberk_gateway_connections_accepted_total') > 0);
});
