/**
 * Bodies that go on after the answer has begun, on real sockets: the limit holds for them too, and a service that has answered
 * and reads no further is left in the end.
 */
import { once } from 'node:events';
import http2 from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import { END_HEADERS, FRAME, frame, literalHeader } from '../../helpers/clients/http2-frames.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { parseFrames } from '../http2/harness.ts';
import { startEchoApp } from './echo-app.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const LISTENER = `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    limits: {bodyBytes: 100000}
    routes:
      - {hostnames: [h2c.test], backend: 'h2c:80', appProtocol: h2c}
      - {backend: 'app:80'}
`;

/** A service that begins to answer before the body, or has answered by then. */
async function world(t: ExecutionContext) {
  const app = await startEchoApp(t, 'app', (request, response) => {
    request.on('error', () => {});
    request.resume();
    response.writeHead(200, { 'content-length': '2' });
    if (request.url === '/whole') response.end('ok');
    else response.write('o');
    return true;
  });
  const h2c = await startTcpApp(t);
  const clock = createManualClock();
  const gateway = await openGatewayUnderTest(t, {
    listeners: LISTENER,
    services: { app: app.port, h2c: h2c.port },
    clock,
  });
  const tooLarge = async (): Promise<number> =>
    (await gateway.metrics()).sum('hauberk_gateway_requests_refused_total', {
      reason: 'body-too-large',
    });
  return { gateway, clock, h2c, port: gateway.port('web'), tooLarge };
}

for (const [path, body, end] of [
  ['/half', 'o', 'reset'],
  ['/whole', 'ok', 'end'],
] as const) {
  test(`HTTP/1: a body beyond the limit behind ${path}`, async (t) => {
    const { port, tooLarge } = await world(t);
    const socket = await connectTcp(t, port);
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`,
    );
    let text = '';
    while (!text.endsWith(`\r\n\r\n${body}`)) text += await readText(socket, 1);
    t.regex(text, /^HTTP\/1\.1 200 /);
    t.is(await tooLarge(), 0);
    socket.write(`${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n`);
    t.is(await endOf(socket), end);
    t.is(await tooLarge(), 1);
  });

  test(`HTTP/2: a body beyond the limit behind ${path}`, async (t) => {
    const { port, tooLarge } = await world(t);
    const session = http2.connect(`http://127.0.0.1:${port}`);
    t.teardown(() => session.destroy());
    const request = session.request({ ':method': 'POST', ':path': path });
    request.on('error', () => {});
    request.write('x');
    await within('the answer begins', once(request, 'response'));
    const closed = new Promise((resolve) => request.once('close', resolve));
    request.resume();
    request.write('x'.repeat(100_000));
    await within('it ends', closed);
    const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = http2.constants;
    t.is(request.rstCode, end === 'reset' ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_NO_ERROR);
    t.is(await tooLarge(), 1);
    t.false(session.closed, 'the connection goes on');
  });
}

test('a service of h2c that has answered, and opens no window for the rest, has its stream reset', async (t) => {
  const { port, clock, h2c } = await world(t);
  const client = await connectTcp(t, port);
  const body = 'x'.repeat(70_000);
  client.write(
    `POST / HTTP/1.1\r\nHost: h2c.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  const service = await h2c.accepted();
  const chunks: Buffer[] = [];
  service.on('data', (chunk: Buffer) => chunks.push(chunk));
  const seen = () => parseFrames(Buffer.concat(chunks).subarray(24));
  const bytes = (): number =>
    seen().reduce((sum, one) => sum + (one.type === FRAME.data ? one.payload.length : 0), 0);
  service.write(frame({ type: FRAME.settings }));
  await eventually('the window is used up', () => bytes() === 65_535 || undefined);
  const payload = literalHeader(':status', '204');
  service.write(frame({ type: FRAME.headers, flags: END_HEADERS + 1, stream: 1, payload }));
  t.regex(await readText(client, 12), /^HTTP\/1\.1 204/);
  await clock.advance(29_000);
  const resets = () => seen().filter(({ type }) => type === FRAME.reset);
  t.deepEqual(resets(), []);
  await clock.advance(1_000);
  await eventually('it is reset', () => resets().length > 0 || undefined);
  t.is(resets()[0]?.payload.readUInt32BE(0), http2.constants.NGHTTP2_CANCEL);
});
