/**
 * Both sidecars count the requests in what they carry: HTTP/1 with kept connections, gRPC and WebSockets. A server that
 * speaks first, and TLS of the applications, are carried as before and are not HTTP. A sidecar that was told not to
 * look counts nothing.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { connectGrpcEcho, startGrpcEcho } from '../../helpers/servers/grpc-echo.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import type { MetricSamples } from '../../helpers/metric-samples.ts';
import type { Scope } from '../../helpers/scope.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, readText } from '../../helpers/clients/tcp-client.ts';

const REQUESTS = 'hauberk_requests_total';
const WEB = 'spiffe://mesh.local/ns/default/sa/web';
const API = 'spiffe://mesh.local/ns/default/sa/api';

test('requests are counted on both sides, by what they are', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const grpcPort = await startGrpcEcho(t);
  const chatPort = await startChat(t);
  const api = await mesh.sidecar({
    service: 'api',
    expose: [
      `8080=127.0.0.1:${app.port}`,
      `9090=127.0.0.1:${grpcPort}`,
      `7070=127.0.0.1:${chatPort}`,
    ],
    args: ['--workers=2'],
  });
  const web = await mesh.sidecar({
    service: 'web',
    upstreams: ['api:8080', 'api:9090', 'api:7070'],
  });
  const [httpPort = 0, callPort = 0, socketPort = 0] = web.upstreamPorts;

  const load = startHttpLoad(t, { port: httpPort, concurrency: 3 });
  await load.more(50);
  const { requests, failures } = await load.stop();
  t.deepEqual(failures, []);
  const body = Buffer.alloc(100_000, 'x');
  const digest = await fetch(`http://127.0.0.1:${httpPort}/digest`, { method: 'POST', body });
  t.is(await digest.text(), createHash('sha256').update(body).digest('hex'));

  const echo = connectGrpcEcho(t, { port: callPort, name: 'api' });
  for (let call = 0; call < 5; call += 1) t.is((await echo.once(`call ${call}`)).code, 0);
  t.is((await echo.once('deny')).code, 7);

  const socket = new WebSocket(`ws://127.0.0.1:${socketPort}/chat`);
  const [message] = (await within('the server says something', once(socket, 'message'))) as [
    MessageEvent,
  ];
  t.is(message.data, 'hello');
  socket.close();

  for (const [sidecar, direction, peer] of [
    [web, 'outbound', API],
    [api, 'inbound', WEB],
  ] as const) {
    const of = { direction, peer };
    const seen = await eventually(`all requests are counted, ${direction}`, async () => {
      const metrics = await sidecar.metrics();
      return metrics.sum(REQUESTS, of) >= requests + 8 ? metrics : undefined;
    });
    const count = (labels: Record<string, string>): number =>
      seen.sum(REQUESTS, { ...of, ...labels });
    const rest = { protocol: 'http1', method: 'GET' };
    t.is(count({ ...rest, status: '2xx' }), requests);
    t.is(count({ ...rest, status: '1xx' }), 1);
    t.is(count({ protocol: 'http1', method: 'POST', status: '2xx' }), 1);
    t.is(count({ protocol: 'grpc', method: 'POST', status: 'OK' }), 5);
    t.is(count({ protocol: 'grpc', method: 'POST', status: 'PERMISSION_DENIED' }), 1);
    t.is(count({}), requests + 8);
    t.is(seen.sum('hauberk_request_duration_seconds_count', of), requests + 8);
    t.is(seen.sum('hauberk_request_size_bytes_bucket', { direction, le: '10000' }), requests + 7);
    t.is(seen.sum('hauberk_request_size_bytes_bucket', { direction, le: '100000' }), requests + 8);
    t.true(seen.sum('hauberk_request_size_bytes_sum', { direction }) > body.length);
    t.is(seen.sum('hauberk_protocols_detected_total', { direction, protocol: 'http2' }), 1);
    t.is(seen.sum('hauberk_protocols_detected_total', { direction, protocol: 'tcp' }), 0);
    t.is(seen.sum('hauberk_http_parse_failures_total'), 0);
    t.is(seen.sum('hauberk_internal_errors_total'), 0);
  }
});

test('what is not HTTP is carried as before, and counted as nothing else', async (t) => {
  const mesh = await startMesh(t);
  const mail = await startTcpApp(t, (socket) => {
    socket.write('220 mail ready\r\n');
    socket.on('data', () => socket.end('221 bye\r\n'));
  });
  const sealed = await startSealedHttp(t);
  const app = await startHttpApp(t, 'api');
  const expose = [
    `25=127.0.0.1:${mail.port}`,
    `443=127.0.0.1:${sealed}`,
    `8080=127.0.0.1:${app.port}`,
  ];
  const api = await mesh.sidecar({ service: 'api', expose, args: ['--opaque-port=8080'] });
  const upstreams = ['api:25', 'api:443', 'api:8080'];
  const web = await mesh.sidecar({ service: 'web', upstreams });
  const blind = await mesh.sidecar({ service: 'blind', upstreams, args: ['--http-metrics=off'] });

  for (const { upstreamPorts } of [web, blind]) {
    const [mailPort = 0, sealedPort = 0, httpPort = 0] = upstreamPorts;
    const client = await connectTcp(t, mailPort);
    t.is(await readText(client, 16), '220 mail ready\r\n', 'before the client has said anything');
    client.write('QUIT\r\n');
    t.is(await readText(client, 9), '221 bye\r\n');
    client.end();
    t.is(await askSealed(sealedPort), 'HTTP/1.1 200 OK\r\n\r\nsealed');
    t.is(await getOnce(httpPort), 'api');
  }
  const [callee, caller, blindfold] = await carryingNothing([api, web, blind]);
  t.is(tcp(callee), 4, 'the port that is opaque is not looked at');
  t.is(callee?.sum('hauberk_protocols_detected_total'), 4);
  t.is(callee?.sum(REQUESTS), 0);
  t.is(tcp(caller), 2);
  t.is(caller?.sum(REQUESTS, { direction: 'outbound', peer: API, status: '2xx' }), 1);
  t.is(caller?.sum(REQUESTS), 1);
  t.is(blindfold?.sum('hauberk_protocols_detected_total'), 0);
  t.is(blindfold?.sum(REQUESTS), 0);
  t.is(blindfold?.sum('hauberk_connections_opened_total'), 3);
});

const tcp = (metrics: MetricSamples | undefined): number | undefined =>
  metrics?.sum('hauberk_protocols_detected_total', { protocol: 'tcp' });

/** An application that takes any upgrade, says hello, and ends with the client. */
async function startChat(scope: Scope): Promise<number> {
  const server = http.createServer().listen(0, '127.0.0.1');
  server.on('upgrade', (request, socket) => {
    const key = String(request.headers['sec-websocket-key']);
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n\x81\x05hello`,
      'latin1',
    );
    socket.on('error', () => {});
    socket.on('data', () => socket.end());
  });
  await once(server, 'listening');
  scope.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** TLS without certificates: both have the same key. */
const SEALED = {
  ciphers: 'PSK',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const;
const KEY = Buffer.alloc(32, 7);

/** An application that speaks TLS itself, and HTTP in it. */
async function startSealedHttp(scope: Scope): Promise<number> {
  const server = tls.createServer({ ...SEALED, pskCallback: () => KEY }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\nsealed'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function askSealed(port: number): Promise<string> {
  const pskCallback = () => ({ psk: KEY, identity: 'caller' });
  const checkServerIdentity = () => undefined;
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    ...SEALED,
    pskCallback,
    checkServerIdentity,
  });
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  const chunks = await within('the server answers', socket.toArray());
  return Buffer.concat(chunks).toString();
}
