/** What HTTP/1 lets somebody say twice and HTTP/2 does not is refused, or broken off, and harms nobody. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { startGrpcEcho } from '../../helpers/grpc-echo.ts';
import { startEchoApp } from './echo-app.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const LISTENER = `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes: [{backend: 'app:80'}, {pathPrefix: /test.Echo, backend: 'echo:80', appProtocol: h2c}]
`;

async function world(t: ExecutionContext) {
  const app = await startEchoApp(t, 'app', ({ url }, response) => {
    if (url === '/fields') response.writeHead(200, ['ETag', 'a', 'ETag', 'b']).end('body');
    else if (url === '/trailers') {
      response.writeHead(200, { trailer: 'ETag' });
      response.write('body');
      response.addTrailers([
        ['ETag', 'a'],
        ['ETag', 'b'],
      ]);
      response.end();
    } else return false;
    return true;
  });
  const gateway = await openGatewayUnderTest(t, {
    listeners: LISTENER,
    services: { app: app.port, echo: await startGrpcEcho(t) },
  });
  const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`);
  t.teardown(() => session.destroy());
  const ask = async (path: string): Promise<{ status: number; code: number | undefined }> => {
    const request = session.request({ ':path': path });
    request.on('error', () => {});
    const closed = new Promise((resolve) => request.once('close', resolve));
    const [headers] = (await within('it is answered', once(request, 'response'))) as [
      http2.IncomingHttpHeaders,
    ];
    request.resume();
    await within('it ends', closed);
    return { status: Number(headers[':status']), code: request.rstCode };
  };
  return { gateway, ask };
}

const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = http2.constants;

test('a field of an answer: 502', async (t) => {
  const { ask } = await world(t);
  t.deepEqual(await ask('/fields'), { status: 502, code: NGHTTP2_NO_ERROR });
  t.deepEqual(await ask('/'), { status: 200, code: NGHTTP2_NO_ERROR });
});

test('a trailer of an answer: it is broken off', async (t) => {
  const { ask } = await world(t);
  t.deepEqual(await ask('/trailers'), { status: 200, code: NGHTTP2_INTERNAL_ERROR });
  t.deepEqual(await ask('/'), { status: 200, code: NGHTTP2_NO_ERROR });
});

test('a field of a request to a service that speaks HTTP/2: 400', async (t) => {
  const { gateway } = await world(t);
  const status = async (fields: readonly string[]): Promise<number | undefined> => {
    const headers = ['Host', 'a', ...fields];
    const port = gateway.port('web');
    const request = http.get({ port, host: '127.0.0.1', path: '/test.Echo/Once', headers });
    const [response] = (await within('it is answered', once(request, 'response'))) as [
      http.IncomingMessage,
    ];
    response.resume();
    return response.statusCode;
  };
  t.is(await status(['User-Agent', 'a', 'User-Agent', 'b']), 400);
  t.like(gateway.log.of('request-refused'), [{ reason: 'malformed', listener: 'web' }]);
  t.not(await status(['User-Agent', 'a']), 400);
});
