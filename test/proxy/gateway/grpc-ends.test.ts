/**
 * How calls of gRPC end, over HTTP/2 from end to end: no message that came before the end is lost, whatever follows at once; and a
 * reset of the service goes on as it is, because clients read a status from its code.
 */
import http2 from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { type RawHttp2Request, startRawHttp2Service } from '../../helpers/servers/http2-service.ts';
import {
  dataFrame,
  goawayFrame,
  headersFrame,
  resetFrame,
} from '../../helpers/clients/http2-wire.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const LISTENERS = `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'app:80', appProtocol: h2c}]}`;

/** Begins when the head of a call has come. */
type Serve = (request: RawHttp2Request) => void;

async function openWith(t: ExecutionContext, serve: Serve): Promise<GatewayUnderTest> {
  const begun = new Set<string>();
  const { port } = await startRawHttp2Service(t, (request) => {
    const id = `${request.socket.remotePort} ${request.stream}`;
    if (begun.has(id)) return;
    begun.add(id);
    serve(request);
  });
  return await openGatewayUnderTest(t, { listeners: LISTENERS, services: { app: port } });
}

interface Ended {
  readonly status: number | undefined;
  readonly body: string;
  readonly grpcStatus: string | undefined;
  /** Of RST_STREAM; 0 when it ended in order. */
  readonly code: number | undefined;
}

async function call(
  t: ExecutionContext,
  gateway: GatewayUnderTest,
  { windowBytes = 65_535, contentType = 'application/grpc' } = {},
): Promise<Ended> {
  const settings = { initialWindowSize: windowBytes };
  const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`, { settings });
  t.teardown(() => session.destroy());
  const request = session.request({ ':method': 'POST', 'content-type': contentType });
  let ended: Ended = { status: undefined, body: '', grpcStatus: undefined, code: undefined };
  const grpcStatusOf = (fields: http2.IncomingHttpHeaders): string | undefined =>
    (fields['grpc-status'] as string | undefined) ?? ended.grpcStatus;
  request.on('response', (fields) => {
    ended = { ...ended, status: fields[':status'], grpcStatus: grpcStatusOf(fields) };
  });
  request.on('trailers', (fields: http2.IncomingHttpHeaders) => {
    ended = { ...ended, grpcStatus: grpcStatusOf(fields) };
  });
  request.setEncoding('latin1').on('data', (text: string) => {
    ended = { ...ended, body: ended.body + text };
  });
  request.on('error', () => {});
  const { promise, resolve } = Promise.withResolvers<void>();
  request.once('end', resolve).once('close', resolve);
  request.write('\0\0\0\0\x05hello');
  await within('the call ends', promise);
  return { ...ended, code: request.rstCode };
}

const HEAD = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
] as const;
const BROKEN = [
  ['grpc-status', '15'],
  ['grpc-message', 'it broke'],
] as const;

/** What a service does behind the trailers, in the same write. */
const ENDINGS: Readonly<
  Record<string, { readonly frames: (stream: number) => Buffer; readonly isLast?: true }>
> = {
  'nothing else': { frames: () => Buffer.alloc(0) },
  'RST_STREAM that stops the request': { frames: (stream) => resetFrame(stream, 0) },
  'RST_STREAM with an error': { frames: (stream) => resetFrame(stream, 8) },
  GOAWAY: { frames: (stream) => goawayFrame(stream) },
  'GOAWAY and the end of the connection': { frames: (stream) => goawayFrame(stream), isLast: true },
  'the end of the connection': { frames: () => Buffer.alloc(0), isLast: true },
};

for (const [what, { frames, isLast = false }] of Object.entries(ENDINGS)) {
  for (const windowBytes of [65_535, 100]) {
    test(`messages come before an error that ${what} follows, to a client with a window of ${windowBytes}`, async (t) => {
      const messages = Array.from({ length: 50 }, (_, at) => `${at} ${'x'.repeat(1_000)}`);
      const gateway = await openWith(t, ({ socket, stream }) => {
        const bytes = Buffer.concat([
          headersFrame(stream, HEAD, false),
          ...messages.map((message) => dataFrame(stream, message, false)),
          headersFrame(stream, BROKEN, true),
          frames(stream),
        ]);
        if (isLast) socket.end(bytes);
        else socket.write(bytes);
      });
      t.deepEqual(await call(t, gateway, { windowBytes }), {
        status: 200,
        body: messages.join(''),
        grpcStatus: '15',
        code: 0,
      });
      t.is(gateway.mistakes() ?? 0, 0);
    });
  }
}

/** INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY. */
const CODES = [2, 8, 11, 12];

for (const code of CODES) {
  test(`a call that its service resets with code ${code} is reset with it, answered or not`, async (t) => {
    let sent: (stream: number) => Buffer[] = () => [];
    const gateway = await openWith(t, ({ socket, stream }) => {
      socket.write(Buffer.concat([...sent(stream), resetFrame(stream, code)]));
    });
    t.like(await call(t, gateway), { status: undefined, grpcStatus: undefined, code });
    sent = (stream) => [headersFrame(stream, HEAD, false)];
    t.like(await call(t, gateway), { status: 200, grpcStatus: undefined, code });
    sent = (stream) => [headersFrame(stream, HEAD, false), dataFrame(stream, 'one', false)];
    t.like(await call(t, gateway), { status: 200, body: 'one', grpcStatus: undefined, code });
    const metrics = await gateway.metrics();
    t.is(metrics.sum('hauberk_gateway_requests_refused_total', { reason: 'service-failed' }), 3);
    t.is(gateway.mistakes() ?? 0, 0);
  });

  test(`a request of HTTP that its service resets with code ${code} is 502, or broken off as a mistake`, async (t) => {
    let sent: (stream: number) => Buffer[] = () => [];
    const gateway = await openWith(t, ({ socket, stream }) => {
      socket.write(Buffer.concat([...sent(stream), resetFrame(stream, code)]));
    });
    const contentType = 'application/octet-stream';
    t.like(await call(t, gateway, { contentType }), {
      status: 502,
      grpcStatus: undefined,
      code: 0,
    });
    sent = (stream) => [headersFrame(stream, [[':status', '200']], false)];
    t.like(await call(t, gateway, { contentType }), { status: 200, code: 2 });
  });
}

test('a call whose service goes away without a reset is unavailable', async (t) => {
  let sent: (stream: number) => Buffer = () => Buffer.alloc(0);
  const gateway = await openWith(t, ({ socket, stream }) => socket.end(sent(stream)));
  t.like(await call(t, gateway), { status: 200, grpcStatus: '14', code: 0 });
  sent = (stream) => headersFrame(stream, HEAD, false);
  t.like(await call(t, gateway), { status: 200, grpcStatus: '14', code: 0 });
});
