// The same as in requests.test.ts, of HTTP/2 and gRPC: with the clients and servers of Node.js and of grpc-js.
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { socketStream } from '../../../proxy/stream/socket-stream.ts';
import { within } from '../../helpers/deadline.ts';
import { connectGrpcEcho, startGrpcEcho } from '../../helpers/servers/grpc-echo.ts';
import { inboundTo, self, web } from './harness.ts';
import { policyOf, READ_ORDERS, rule } from './requests-harness.ts';

/** A local port whose connections are those of a caller. */
async function callerPort(
  t: ExecutionContext,
  inbound: ReturnType<typeof inboundTo>,
): Promise<number> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    t.teardown(() => socket.destroy());
    void inbound.open({ authority: '10.0.0.7:8080' }, socketStream(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** An application that answers with the request's method, path and who calls. */
async function startApp(t: ExecutionContext) {
  const seen: http2.IncomingHttpHeaders[] = [];
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    seen.push(headers);
    stream.on('error', () => {});
    if (headers[':path'] === '/held') return void stream.write('half');
    stream.respond({ ':status': 200 });
    stream.resume().on('end', () => stream.end(String(headers[':path'])));
  });
  const sessions = new Set<http2.Http2Session>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen, sessions };
}

function connect(t: ExecutionContext, port: number) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return async (headers: http2.OutgoingHttpHeaders, body = '') => {
    const stream = session.request(headers, { endStream: false });
    stream.end(body);
    const answered = once(stream, 'response') as Promise<
      [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader]
    >;
    const [response] = await within('the response', answered);
    const text = Buffer.concat(await within('its body', stream.toArray())).toString();
    return { status: response[':status'], response, text };
  };
}

test('requests of one connection are decided about one by one', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(app.port, READ_ORDERS);
  const ask = connect(t, await callerPort(t, inbound));
  t.like(await ask({ ':path': '/orders/7' }), { status: 200, text: '/orders/7' });
  const refused = await ask({ ':path': '/orders', ':method': 'POST' }, 'x'.repeat(100_000));
  t.is(refused.status, 403);
  t.is(refused.response['proxy-status'], 'hauberk; error=http_request_denied');
  t.is((await ask({ ':path': '/admin' })).status, 403);
  const all = await Promise.all(
    Array.from({ length: 10 }, (_, at) => ask({ ':path': at % 2 === 0 ? '/orders' : '/other' })),
  );
  t.deepEqual(
    all.map(({ status }) => status),
    Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? 200 : 403)),
  );
  t.is(app.seen.length, 6);
  t.is(app.sessions.size, 1);
  t.is(inbound.of('request-denied').length, 7);
  const metrics = await inbound.failed();
  t.is(metrics.sum('hauberk_requests_denied_total', { peer: web.uri }), 7);
  t.is(metrics.sum('hauberk_requests_total', { protocol: 'http2', status: '4xx' }), 7);
});

test('calls of gRPC are decided about by service, and refused with PERMISSION_DENIED', async (t) => {
  const port = await startGrpcEcho(t);
  const allowing = inboundTo(port, policyOf(rule({ grpcServices: ['test.Echo'] })));
  const echo = connectGrpcEcho(t, { port: await callerPort(t, allowing), name: 'api' });
  t.like(await echo.once('hello'), { code: grpc.status.OK, message: 'hello' });

  const refusing = inboundTo(port, policyOf(rule({ grpcServices: ['test.Other', 'test.Ech'] })));
  const other = connectGrpcEcho(t, { port: await callerPort(t, refusing), name: 'api' });
  const { code, details } = await other.once('hello');
  t.is(code, grpc.status.PERMISSION_DENIED);
  t.is(details, 'the policy does not allow this request');
  const denied = { peer: web.uri, reason: 'denied-request' };
  const metrics = await refusing.failed();
  t.is(metrics.sum('hauberk_requests_denied_total', denied), 1);
  const counted = { protocol: 'grpc', status: 'PERMISSION_DENIED' };
  t.is(metrics.sum('hauberk_requests_total', counted), 1);
  t.like(refusing.of('request-denied')[0], { method: 'POST', path: '/test.Echo/Once' });
});

test('a stream of gRPC goes on in both directions through the decision', async (t) => {
  const port = await startGrpcEcho(t);
  const inbound = inboundTo(port, policyOf(rule({ grpcServices: ['test.Echo'] })));
  const echo = connectGrpcEcho(t, { port: await callerPort(t, inbound), name: 'api' });
  const call = echo.both();
  call.on('error', () => {});
  for (const word of ['one', 'two']) {
    call.write(Buffer.from(word));
    const [message] = (await within('it comes back', once(call, 'data'))) as [Buffer];
    t.is(message.toString(), word);
  }
  call.end();
  const [status] = (await within('the status', once(call, 'status'))) as [grpc.StatusObject];
  t.is(status.code, grpc.status.OK);
});

test('the application is told who calls, in HTTP/2 too', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(app.port, undefined, [8080]);
  const ask = connect(t, await callerPort(t, inbound));
  const spoofed = { 'x-forwarded-client-cert': 'URI=spiffe://a/b', 'x-kept': '1' };
  t.is((await ask({ ':path': '/', ...spoofed })).status, 200);
  t.is(app.seen[0]?.['x-forwarded-client-cert'], `By=${self.uri};URI=${web.uri}`);
  t.is(app.seen[0]?.['x-kept'], '1');
});
