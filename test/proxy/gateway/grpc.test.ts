/** gRPC through a gateway: HTTP/2 from end to end, TLS to the gateway, trailers included. */
import { once } from 'node:events';
import http2 from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import {
  connectGrpcEcho,
  type GrpcEchoClient,
  startGrpcEcho,
} from '../../helpers/servers/grpc-echo.ts';
import { fileScope } from '../../helpers/scope.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();
const authority = createTestAuthority();
const certificate = authority.workload('edge', 'www', { dnsNames: ['grpc.example.com'] });
const root = authority.root.certificate.toString();
let gateway: GatewayUnderTest;
let client: GrpcEchoClient;

test.before(async () => {
  gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - name: grpc
    listen: '127.0.0.1:0'
    protocol: HTTPS
    tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}
    routes:
      - {pathPrefix: /test.Echo, backend: 'echo:50051', appProtocol: h2c}
      - {pathPrefix: /down.Echo, backend: 'down:50051', appProtocol: h2c}
`,
    services: { echo: await startGrpcEcho(scope) },
    files: certificateFiles('www', certificate),
  });
  client = connectGrpcEcho(scope, { port: gateway.port('grpc'), root, name: 'grpc.example.com' });
});

test.serial('a call is answered, with its trailers', async (t) => {
  const { code, message, trailers } = await within('it is answered', client.once('hello'));
  t.is(code, grpc.status.OK);
  t.is(message, 'hello');
  t.deepEqual(trailers.get('x-sum'), ['5']);
  t.deepEqual(trailers.get('x-forwarded-for'), ['127.0.0.1']);
});

test.serial('a call that is refused tells its status and why', async (t) => {
  const { code, details, trailers } = await within('it is answered', client.once('deny'));
  t.is(code, grpc.status.PERMISSION_DENIED);
  t.is(details, 'no');
  t.deepEqual(trailers.get('x-sum'), ['4']);
});

test.serial('messages go both ways while a call is open', async (t) => {
  const call = client.both();
  for (const message of ['one', 'two', 'x'.repeat(1_000_000)]) {
    call.write(Buffer.from(message));
    const [answer] = (await within('it comes back', once(call, 'data'))) as [Buffer];
    t.is(answer.toString(), message);
  }
  const status = once(call, 'status') as Promise<[grpc.StatusObject]>;
  call.end();
  const [{ code }] = await within('it ends', status);
  t.is(code, grpc.status.OK);
});

test.serial('many calls at once share connections to the service', async (t) => {
  const before = gateway.asked.length;
  const answers = await Promise.all(Array.from({ length: 100 }, () => client.once('hello')));
  t.true(answers.every(({ code }) => code === grpc.status.OK));
  t.true(gateway.asked.length - before <= 16);
});

test.serial('a call that is given up ends at the service, and the connection stays', async (t) => {
  const call = client.both();
  call.on('error', () => {});
  call.write(Buffer.from('one'));
  await within('it comes back', once(call, 'data'));
  const status = new Promise<grpc.StatusObject>((resolve) => {
    call.on('status', resolve);
  });
  call.cancel();
  const { code } = await within('it ends', status);
  t.is(code, grpc.status.CANCELLED);
  const { message } = await within('another is answered', client.once('still here'));
  t.is(message, 'still here');
});

test.serial('a client that breaks off requests at every moment harms nobody', async (t) => {
  const authorityName = 'grpc.example.com';
  for (let round = 0; round < 20; round += 1) {
    const session = http2.connect(`https://127.0.0.1:${gateway.port('grpc')}`, {
      servername: authorityName,
      ca: root,
    });
    session.on('error', () => {});
    const message = Buffer.concat([Buffer.from([0, 0, 1, 0x86, 0xa0]), Buffer.alloc(100_000)]);
    const ends = Array.from({ length: 40 }, async (_, at) => {
      const request = session.request({
        ':method': 'POST',
        ':path': at % 2 === 0 ? '/test.Echo/Both' : '/test.Echo/Once',
        ':authority': authorityName,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      request.on('error', () => {});
      const closed = once(request, 'close');
      request.write(message);
      if (at % 3 === 0) request.end();
      if (at % 4 === 1) request.once('data', () => request.close(http2.constants.NGHTTP2_CANCEL));
      else if (at % 4 === 2) setImmediate(() => request.close(http2.constants.NGHTTP2_NO_ERROR));
      else if (at % 4 === 3) request.once('response', () => request.close(8));
      request.resume();
      if (at === 39) setTimeout(() => session.socket.destroy(), round);
      await closed.catch(() => {});
    });
    await within('they end', Promise.all(ends));
    session.destroy();
  }
  const { message } = await within('another is answered', client.once('still here'));
  t.is(message, 'still here');
  await eventually('their connections are gone', async () => {
    const metrics = await gateway.metrics();
    return metrics.sum('hauberk_gateway_connections_open') <= 1 ? true : undefined;
  });
});

test.serial('a service that is away is unavailable', async (t) => {
  const session = http2.connect(`https://127.0.0.1:${gateway.port('grpc')}`, {
    servername: 'grpc.example.com',
    ca: root,
  });
  t.teardown(() => session.destroy());
  const request = session.request({ ':path': '/down.Echo/Once', ':authority': 'grpc.example.com' });
  const [headers] = (await within('answered', once(request, 'response'))) as [
    http2.IncomingHttpHeaders,
  ];
  t.is(Number(headers[':status']), 503);
});
