/** WebSockets over HTTP/2 (RFC 8441), with the client of node:http2, to a service that speaks HTTP/1.1. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

/** RFC 6455 section 4.2.2 */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

test('an extended CONNECT becomes an upgrade, and both directions end by themselves', async (t) => {
  let seen: http.IncomingHttpHeaders = {};
  const server = http.createServer((_request, response) => response.end());
  server.on('upgrade', (request, socket) => {
    seen = request.headers;
    socket.on('error', () => {});
    if (request.url === '/private') {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
      return;
    }
    const accept = acceptOf(request.headers['sec-websocket-key'] ?? '');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('data', (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`));
    socket.on('end', () => socket.end(' bye'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'chat:80'}]}\n`,
    services: { chat: (server.address() as AddressInfo).port },
  });
  const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`);
  t.teardown(() => session.destroy());
  const [settings] = (await within('its settings', once(session, 'remoteSettings'))) as [
    http2.Settings,
  ];
  t.true(settings.enableConnectProtocol);
  const open = async (path: string) => {
    const stream = session.request({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': path,
      ':authority': 'a',
      'sec-websocket-version': '13',
    });
    const [headers] = (await within('it is answered', once(stream, 'response'))) as [
      http2.IncomingHttpHeaders,
    ];
    return { stream: stream.setEncoding('utf8'), status: Number(headers[':status']) };
  };
  const { stream, status } = await open('/chat');
  t.is(status, 200);
  t.like(seen, { upgrade: 'websocket', host: 'a', 'x-forwarded-for': '127.0.0.1' });
  const echoed = once(stream, 'data');
  stream.write('hello');
  t.is(String((await within('it comes back', echoed))[0]), 'echo hello');
  stream.end();
  const rest = (await within('it ends', stream.toArray())) as string[];
  t.is(rest.join(''), ' bye');
  const refused = await open('/private');
  t.is(refused.status, 403);
  t.is(((await refused.stream.toArray()) as string[]).join(''), 'no');
});
