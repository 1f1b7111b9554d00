/**
 * HTTP/2 without TLS, for clients that know that it is spoken (RFC 9113 section 3.3), on the port that
 * speaks HTTP/1 as well.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { connectGrpcEcho, startGrpcEcho } from '../../helpers/servers/grpc-echo.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { CLIENT_PREFACE } from '../../helpers/clients/http2-frames.ts';
import { fileScope } from '../../helpers/scope.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';
import { type EchoApp, type SeenRequest, startEchoApp } from './echo-app.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';
import { rawGet } from './raw-get.ts';

const scope = fileScope();
let app: EchoApp;
let gateway: GatewayUnderTest;

const LISTENERS = `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    limits: {bodyBytes: 1000}
    proxyProtocol: {from: [127.0.0.2]}
    routes:
      - {hostnames: [old.example.com], requestRedirect: {scheme: https, port: 8443}}
      - {hostnames: [grpc.example.com], backend: 'echo:50051', appProtocol: h2c}
      - {backend: 'app:80'}
`;

test.before(async () => {
  app = await startEchoApp(scope, 'app');
  gateway = await openGatewayUnderTest(scope, {
    listeners: LISTENERS,
    services: { app: app.port, echo: await startGrpcEcho(scope) },
  });
});

interface Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
}

/** Asks on a connection of its own, or on one that is given. */
async function ask(
  t: ExecutionContext,
  headers: http2.OutgoingHttpHeaders,
  body = '',
  socket?: net.Socket,
): Promise<Answer> {
  const url = `http://127.0.0.1:${gateway.port('web')}`;
  const session = http2.connect(url, socket && { createConnection: () => socket });
  t.teardown(() => session.destroy());
  const request = session.request({ ':authority': 'www.example.com', ':path': '/', ...headers });
  if (body !== '') request.end(body);
  const [answer] = (await within('it is answered', once(request, 'response'))) as [
    http2.IncomingHttpHeaders,
  ];
  const chunks = (await request.setEncoding('utf8').toArray()) as string[];
  return { status: Number(answer[':status']), headers: answer, body: chunks.join('') };
}

test('a request reaches a service that speaks HTTP/1, without what nobody outside may say', async (t) => {
  const { status, body } = await ask(
    t,
    {
      ':method': 'POST',
      ':path': '/a?b',
      ':scheme': 'https',
      'x-forwarded-for': '192.0.2.9',
      'x-forwarded-proto': 'https',
      'x-forwarded-client-cert': 'Hash=forged',
      'x-forwarded-host': 'forged',
      'x-own': 'yes',
    },
    'hello',
  );
  t.is(status, 200);
  const { headers, ...seen } = JSON.parse(body) as SeenRequest;
  t.like(seen, { method: 'POST', url: '/a?b', body: 'hello' });
  t.like(headers, {
    host: 'www.example.com',
    'x-own': 'yes',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-client-cert': undefined,
    'x-forwarded-host': undefined,
    upgrade: undefined,
  });
});

test('a gRPC client without TLS calls its service, trailers and both ways included', async (t) => {
  const client = connectGrpcEcho(t, { port: gateway.port('web'), name: 'grpc.example.com' });
  const { code, message, trailers } = await within('it is answered', client.once('hello'));
  t.is(code, grpc.status.OK);
  t.is(message, 'hello');
  t.deepEqual(trailers.get('x-sum'), ['5']);
  t.deepEqual(trailers.get('x-forwarded-for'), ['127.0.0.1']);
  const call = client.both();
  for (const said of ['one', 'x'.repeat(500)]) {
    call.write(Buffer.from(said));
    const [answer] = (await within('it comes back', once(call, 'data'))) as [Buffer];
    t.is(answer.toString(), said);
  }
  const status = once(call, 'status') as Promise<[grpc.StatusObject]>;
  call.end();
  t.is((await within('it ends', status))[0].code, grpc.status.OK);
});

test('HTTP/1 is spoken on the same port, also by methods that begin like the preface', async (t) => {
  t.regex(await getOnce(gateway.port('web')), /"service":"app"/);
  for (const method of ['POST', 'PUT', 'PATCH', 'PROPFIND']) {
    const socket = await connectTcp(t, gateway.port('web'));
    const text = `${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
    // Byte by byte, so that what was looked at is handed on whole.
    for (const letter of text) socket.write(letter);
    const answer = (await within('it ends', socket.setEncoding('utf8').toArray())) as string[];
    t.regex(answer.join(''), new RegExp(`^HTTP/1\\.1 200 OK\r\n[^]*"method":"${method}"`));
  }
});

test.serial('a redirect, and what is refused, is answered in HTTP/2', async (t) => {
  const redirect = await ask(t, { ':authority': 'old.example.com', ':path': '/a?b' });
  t.is(redirect.status, 301);
  t.is(redirect.headers.location, 'https://old.example.com:8443/a?b');
  const before = app.seen.length;
  const post = { ':method': 'POST' } as const;
  t.is((await ask(t, post, 'x'.repeat(1001))).status, 413);
  t.is((await ask(t, { ':path': '/a/../b' })).status, 400);
  await t.throwsAsync(ask(t, { host: 'other.example.com' }), { message: /PROTOCOL_ERROR/ });
  t.is((await ask(t, { ':method': 'TRACE' })).status, 405);
  t.is(app.seen.length, before, 'nothing of that was served');
  t.is((await ask(t, post, 'x'.repeat(1000))).status, 200);
});

const PROXY_HEADER = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c633640730391f90', 'hex');

test('the PROXY protocol goes before it, from listed sources', async (t) => {
  const from = async (localAddress: string): Promise<net.Socket> => {
    const port = gateway.port('web');
    const socket = net.connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
    t.teardown(() => socket.destroy());
    await within('it connects', once(socket, 'connect'));
    return socket;
  };
  const proxy = await from('127.0.0.2');
  proxy.write(PROXY_HEADER);
  const { body } = await ask(t, {}, '', proxy);
  t.is((JSON.parse(body) as SeenRequest).headers['x-forwarded-for'], '192.0.2.1');
  const other = await from('127.0.0.1');
  other.write(PROXY_HEADER);
  other.write(CLIENT_PREFACE);
  const chunks = (await within('it ends', other.setEncoding('utf8').toArray())) as string[];
  t.regex(chunks.join(''), /^HTTP\/1\.1 400 /, 'others are not believed');
});

test('a preface that comes in pieces, or with all that follows, is taken whole', async (t) => {
  const at = gateway.port('web');
  const served = (path: string): Promise<SeenRequest> =>
    eventually(`${path} is served`, () => app.seen.find(({ url }) => url === path));
  const whole = await connectTcp(t, at);
  whole.write(Buffer.concat([CLIENT_PREFACE, rawGet('/whole')]));
  const first = await served('/whole');
  const pieces = await connectTcp(t, at);
  for (const byte of Buffer.concat([CLIENT_PREFACE, rawGet('/pieces')])) {
    await new Promise((resolve) => pieces.write(Buffer.of(byte), resolve));
  }
  t.deepEqual(
    { ...(await served('/pieces')), url: first.url },
    first,
    'nothing of it depends on the pieces',
  );
});

test.after('nothing stays open', async (t) => {
  await eventually('all connections are gone', async () => {
    const metrics = await gateway.metrics();
    return metrics.sum('hauberk_gateway_connections_open') === 0 || undefined;
  });
  t.true((await gateway.metrics()).sum('hauberk_gateway_requests_total', { status: '301' }) > 0);
});
