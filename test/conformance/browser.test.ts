/**
 * WebSockets of a real browser, on a page from a service behind the gateway: over HTTP/1.1, and over HTTPS, where the browser
 * speaks HTTP/2 and opens them with extended CONNECT (RFC 8441). The page says what it saw in a request of its own.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../common/clock.ts';
import { createRequestLog } from '../../proxy/gateway/http/access-log.ts';
import { startChromium } from '../helpers/machine/chromium.ts';
import { within } from '../helpers/deadline.ts';
import { createLogRecorder } from '../helpers/log-recorder.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { createTestAuthority } from '../helpers/mesh/test-authority.ts';
import { certificateFiles } from '../proxy/gateway/certificate-files.ts';
import { openGatewayUnderTest } from '../proxy/gateway/gateway-under-test.ts';

const BIG_BYTES = 5_000_000;

/** What the page saw. */
interface Seen {
  readonly protocol: string;
  readonly texts: readonly string[];
  /** The bytes of a binary message. */
  readonly binary: readonly number[];
  /** Of a message of many bytes, what came back: its length, and whether each byte was right. */
  readonly big: readonly [length: number, isSame: boolean];
  /** Messages that the service sent by itself. */
  readonly pushed: readonly string[];
  /** How each WebSocket ended: code, reason, whether in order. */
  readonly closedByPage: readonly [number, string, boolean];
  readonly closedByService: readonly [number, string, boolean];
  readonly cut: readonly [number, string, boolean];
  readonly refused: readonly [number, string, boolean];
}

const PAGE = `<!doctype html><title>WebSockets</title><script>
const url = (path) => location.origin.replace('http', 'ws') + path;
const open = (path, protocols) => {
  const socket = new WebSocket(url(path), protocols);
  socket.binaryType = 'arraybuffer';
  const heard = [], waiting = [];
  socket.onmessage = ({ data }) => { const next = waiting.shift(); if (next) next(data); else heard.push(data); };
  socket.next = () => new Promise((resolve) => { if (heard.length > 0) resolve(heard.shift()); else waiting.push(resolve); });
  socket.opened = new Promise((resolve) => { socket.onopen = resolve; });
  socket.closed = new Promise((resolve) => { socket.onclose = ({ code, reason, wasClean }) => resolve([code, reason, wasClean]); });
  return socket;
};
const see = async () => {
  const echo = open('/echo', ['chat.v2', 'chat.v1']);
  await echo.opened;
  const texts = [];
  for (const text of ['hello', '', 'caf\\u00e9 \\u{1f6e1}', 'x'.repeat(70000)]) { echo.send(text); texts.push(await echo.next()); }
  echo.send(new Uint8Array([0, 1, 127, 128, 255]));
  const binary = [...new Uint8Array(await echo.next())];
  const sent = new Uint8Array(${BIG_BYTES}).map((_, at) => (at * 7919) >> 5);
  echo.send(sent);
  const back = new Uint8Array(await echo.next());
  const big = [back.length, back.every((byte, at) => byte === sent[at])];
  echo.close(3001, 'done here');
  const closedByPage = await echo.closed;
  const push = open('/push');
  const pushed = [await push.next(), await push.next(), await push.next()];
  const closedByService = await push.closed;
  const cut = await open('/cut').closed;
  const refused = await open('/private').closed;
  return { protocol: echo.protocol, texts, binary, big, pushed, closedByPage, closedByService, cut, refused };
};
see().then((seen) => fetch('/seen', { method: 'POST', body: JSON.stringify(seen) }), (error) => fetch('/seen', { method: 'POST', body: JSON.stringify({ error: String(error) }) }));
</script>`;

interface Service {
  readonly port: number;
  /** What the page has told of. */
  readonly seen: Promise<Seen>;
  /** How the browser closed the first WebSocket. */
  readonly closed: Promise<readonly [code: number, reason: string]>;
}

async function startService(t: ExecutionContext): Promise<Service> {
  const seen = Promise.withResolvers<Seen>();
  const closed = Promise.withResolvers<readonly [number, string]>();
  const server = http.createServer((request, response) => {
    if (request.url !== '/seen') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      return void response.end(request.url === '/' ? PAGE : '');
    }
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      seen.resolve(JSON.parse(body) as Seen);
      response.end();
    });
  });
  const webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: true,
    handleProtocols: (offered) => (offered.has('chat.v1') ? 'chat.v1' : false),
  });
  const serve: Readonly<Record<string, (socket: WebSocket) => void>> = {
    '/echo': (socket) => {
      socket.on('message', (data, binary) => socket.send(data as Buffer, { binary }));
      socket.on('close', (code, reason) => closed.resolve([code, reason.toString()]));
    },
    '/push': (socket) => {
      for (const text of ['one', 'two', 'three']) socket.send(text);
      socket.close(4002, 'go away');
    },
    '/cut': (socket) => socket.terminate(),
  };
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {});
    const begin = serve[request.url ?? ''];
    if (begin !== undefined) return webSockets.handleUpgrade(request, socket, head, begin);
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of webSockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, seen: seen.promise, closed: closed.promise };
}

const authority = createTestAuthority();
const certificate = authority.workload('edge', 'www', { dnsNames: ['www.example.com'] });
const TLS = `tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}, `;

/** The key that the browser takes, whoever vouches for it. */
const KEY_HASH = createHash('sha256')
  .update(certificate.leaf.publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64');

for (const [scheme, protocol, tls, version] of [
  ['http', 'HTTP', '', '1.1'],
  ['https', 'HTTPS', TLS, '2.0'],
] as const) {
  requires('chromium')(
    `a page over ${scheme} talks over WebSockets in HTTP/${version}`,
    async (t) => {
      const service = await startService(t);
      const lines: string[] = [];
      const { logger } = createLogRecorder();
      const gateway = await openGatewayUnderTest(t, {
        listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: ${protocol}, ${tls}routes: [{backend: 'chat:80'}]}`,
        services: { chat: service.port },
        files: certificateFiles('www', certificate),
        requestLog: (name) =>
          createRequestLog({
            logger,
            clock: systemClock,
            name,
            format: 'clf',
            write: (line) => void lines.push(line),
          }),
      });
      const browser = await startChromium(
        t,
        `${scheme}://www.example.com:${gateway.port('web')}/`,
        [
          '--host-resolver-rules=MAP www.example.com 127.0.0.1',
          `--ignore-certificate-errors-spki-list=${KEY_HASH}`,
        ],
      );
      const seen = await within('the page has told', Promise.race([service.seen, browser.ended]));
      t.deepEqual(seen, {
        protocol: 'chat.v1',
        texts: ['hello', '', 'café 🛡', 'x'.repeat(70_000)],
        binary: [0, 1, 127, 128, 255],
        big: [BIG_BYTES, true],
        pushed: ['one', 'two', 'three'],
        closedByPage: [3001, 'done here', true],
        closedByService: [4002, 'go away', true],
        cut: [1006, '', false],
        refused: [1006, '', false],
      });
      t.deepEqual(await service.closed, [3001, 'done here']);
      const requests = lines.map((line) => /"(.*)" (\d+)/.exec(line)?.slice(1).join(' '));
      for (const path of ['/echo', '/push', '/cut']) {
        t.true(requests.includes(`GET ${path} HTTP/${version} 101`), requests.join(', '));
      }
      t.true(requests.includes(`GET /private HTTP/${version} 401`), requests.join(', '));
      t.is(gateway.mistakes() ?? 0, 0);
    },
  );
}
