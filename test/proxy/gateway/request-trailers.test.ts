/**
 * Trailers of requests reach services that speak HTTP/2, and whoever breaks off at any moment, client or
 * service, harms nobody: node:http2 aborts the process when it asks the wrong stream for its trailers.
 */
import { once } from 'node:events';
import http2, { type Http2Session, type Http2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { createRandom } from '../../helpers/random.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const LISTENER = `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, limits: {bodyBytes: 300000}, routes: [{backend: 'app:80', appProtocol: h2c}]}\n`;

/** A service, and a gateway in front of it. */
async function world(
  t: ExecutionContext,
  onStream: (stream: http2.ServerHttp2Stream) => void,
  onSession: (session: Http2Session) => void = () => {},
) {
  const sessions = new Set<Http2Session>();
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
    onSession(session);
  });
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('error', () => {});
    onStream(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const gateway = await openGatewayUnderTest(t, { listeners: LISTENER, services: { app: port } });
  return (): http2.ClientHttp2Session => {
    const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`);
    session.on('error', () => {});
    t.teardown(() => session.destroy());
    return session;
  };
}

/** Answers with the trailers of the request. */
function answerTrailers(stream: http2.ServerHttp2Stream): void {
  let seen: unknown = 'none';
  stream.on('trailers', (headers: http2.IncomingHttpHeaders) => (seen = headers));
  stream.on('end', () => {
    if (stream.destroyed || stream.closed) return;
    stream.respond({ ':status': 200 });
    stream.end(JSON.stringify(seen));
  });
  stream.resume();
}

async function ask(
  session: http2.ClientHttp2Session,
  trailers: http2.OutgoingHttpHeaders | undefined,
): Promise<string> {
  const waitForTrailers = trailers !== undefined;
  const request = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers });
  request.on('wantTrailers', () => request.sendTrailers(trailers ?? {}));
  request.end('body');
  const chunks = (await within('answered', request.setEncoding('utf8').toArray())) as string[];
  return chunks.join('');
}

test('trailers of a request are passed on, but for what a trailer may not say', async (t) => {
  const session = (await world(t, answerTrailers))();
  t.is(await ask(session, { 'x-sum': '42', authorization: 'forged' }), '{"x-sum":"42"}');
  t.is(await ask(session, undefined), '"none"');
});

const ROUNDS = 25;
const REQUESTS = 40;
/** Of the service. */
const CODES = [0, 2, 7, 8, 11];
/**
 * Of the client, without NO_ERROR: node:http2 closes a request with that only when its body is written, and where the
 * session ends meanwhile it may write empty DATA for ever, until the memory is used up.
 */
const CLIENT_CODES = CODES.filter((code) => code !== 0);
const SIZES = [1, 1_000, 70_000, 200_000, 400_000];

test('resets and goodbyes at every moment, from both sides', async (t) => {
  const below = createRandom(6);
  const soon = (act: () => void): void => {
    const way = below(5);
    if (way === 0) act();
    else if (way === 1) process.nextTick(act);
    else if (way === 2) queueMicrotask(act);
    else if (way === 3) setImmediate(act);
    else setTimeout(act, below(6));
  };
  const reset = (stream: Http2Stream, codes: readonly number[]): void =>
    soon(() => stream.close(codes[below(codes.length)] ?? 0));
  let isOver = false;
  const sayGoodbye = (session: Http2Session): void => {
    const way = below(4);
    setTimeout(() => {
      if (isOver || session.destroyed || way === 3) return;
      if (way === 0) session.goaway(http2.constants.NGHTTP2_INTERNAL_ERROR);
      else if (way === 1) session.destroy(new Error('enough'), 2);
      else session.destroy();
    }, below(30)).unref();
  };
  const onStream = (stream: http2.ServerHttp2Stream): void => {
    if (isOver) return answerTrailers(stream);
    const way = below(5);
    const begin = (): void => {
      if (!stream.destroyed && !stream.closed) stream.respond({ ':status': 200 });
    };
    if (way === 0) return answerTrailers(stream);
    if (way === 1) reset(stream, CODES);
    else begin();
    if (way === 2) return void stream.pipe(stream);
    if (way === 3) stream.once('data', () => reset(stream, CODES));
    if (way === 4) stream.on('end', () => reset(stream, CODES));
    stream.resume();
  };
  const connect = await world(t, onStream, sayGoodbye);
  for (let round = 0; round < ROUNDS; round += 1) {
    const session = connect();
    const ends = Array.from({ length: REQUESTS }, async () => {
      const request = session.request({ ':method': 'POST', ':path': '/', te: 'trailers' });
      request.on('error', () => {});
      const closed = new Promise((resolve) => request.once('close', resolve));
      request.write(Buffer.alloc(SIZES[below(SIZES.length)] ?? 0));
      const way = below(7);
      if (way < 4) soon(() => request.end());
      if (way >= 2) soon(() => reset(request, CLIENT_CODES));
      request.resume();
      setTimeout(() => request.destroy(), 150).unref();
      await closed;
    });
    sayGoodbye(session);
    await within('they end', Promise.all(ends));
    session.destroy();
  }
  isOver = true;
  t.is(await ask(connect(), { 'x-sum': '42' }), '{"x-sum":"42"}', 'the gateway serves as before');
});
