/**
 * A client gives up request after request, over several connections. The service takes many resets of a connection for a
 * flood, as servers do, and would end it with all that it carries: a client from another network keeps its request.
 */
import { once } from 'node:events';
import http2, { constants } from 'node:http2';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

/** As Netty has it, and a sidecar. */
const MAX_RESETS = 200;

/** A service that answers `/other` when it is told to, and nothing else. */
async function startService(t: ExecutionContext) {
  const state = { asked: 0, resets: 0, floods: 0, connections: 0, answer: () => {} };
  const sessions = new Set<http2.ServerHttp2Session>();
  const resets = new Map<http2.Http2Session, number>();
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.add(session);
    state.connections += 1;
    session.on('error', () => {});
  });
  server.on('request', ({ url, stream }, response) => {
    stream.on('error', () => {});
    if (url === '/other') {
      state.answer = () => response.end('answer');
      return;
    }
    state.asked += 1;
    if (url === '/begun') response.write('some');
    const { session } = stream;
    stream.once('close', () => {
      state.resets += 1;
      if (session === undefined) return;
      const before = resets.get(session) ?? 0;
      resets.set(session, before + 1);
      if (before !== MAX_RESETS) return;
      state.floods += 1;
      session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, state };
}

async function world(t: ExecutionContext) {
  const { port: service, state } = await startService(t);
  const clock = createManualClock();
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'app:80', appProtocol: h2c}]}\n`,
    services: { app: service },
    clock,
  });
  const port = gateway.port('web');
  const connect = (localAddress: string): http2.ClientHttp2Session => {
    const session = http2.connect(`http://127.0.0.1:${port}`, {
      createConnection: () => net.connect({ host: '127.0.0.1', port, localAddress }),
    });
    session.on('error', () => {});
    t.teardown(() => session.destroy());
    return session;
  };
  /** Has a request of another client wait for its answer. */
  const askAsOther = async () => {
    const before = state.answer;
    const answered = statusOf(connect('127.0.0.9').request({ ':path': '/other' }));
    await eventually('the service has it', () => state.answer !== before || undefined);
    return { answered };
  };
  return { state, gateway, clock, connect, askAsOther };
}

async function statusOf(stream: http2.ClientHttp2Stream): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  stream.once('response', (fields) => resolve(Number(fields[':status'])));
  return await within('it is answered', promise);
}

/** What was sent before it has been read then. */
async function answeredPing(session: http2.ClientHttp2Session): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  session.ping(() => resolve());
  await promise;
}

/** Gives up so many requests of a connection, each when the service has it. */
async function giveUp(
  session: http2.ClientHttp2Session,
  many: number,
  state: { readonly asked: number; readonly resets: number },
  atOnce = 20,
  path = '/',
): Promise<void> {
  for (let at = 0; at < many; at += atOnce) {
    const { asked, resets } = state;
    const streams = Array.from({ length: atOnce }, () => session.request({ ':path': path }));
    for (const stream of streams) stream.on('error', () => {});
    if (path === '/begun') await Promise.all(streams.map(statusOf));
    await eventually('the service has them', () => state.asked >= asked + atOnce || undefined);
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    await eventually('they are given up', () => state.resets >= resets + atOnce || undefined);
  }
}

test('requests that a client gives up end no connection on which others have theirs', async (t) => {
  const { state, gateway, connect, askAsOther } = await world(t);
  const { answered } = await askAsOther();
  for (let at = 0; at < 3; at += 1) await giveUp(connect('127.0.0.1'), 180, state);
  t.is(state.floods, 0);
  t.true(state.connections >= 540 / MAX_RESETS);
  state.answer();
  t.is(await answered, 200);
  t.is(gateway.mistakes(), 0);
});

test('requests of several clients that are given up at the same time end no such connection', async (t) => {
  const { state, gateway, connect, askAsOther } = await world(t);
  const { answered } = await askAsOther();
  // Few at a time, so that they are on the one connection.
  await giveUp(connect('127.0.0.1'), 60, state, 10);
  t.is(state.connections, 1);
  const { resets } = state;
  const sessions = ['127.0.0.2', '127.0.0.3'].flatMap((address) =>
    Array.from({ length: 5 }, () => connect(address)),
  );
  for (const session of sessions) {
    if (session.connecting) await within('it connects', once(session, 'remoteSettings'));
  }
  const streams = sessions.flatMap((session) =>
    Array.from({ length: 90 }, () => session.request()),
  );
  for (const stream of streams) stream.on('error', () => {});
  await eventually('the service has them', () => state.asked >= 60 + 900 || undefined);
  for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
  await eventually('they are given up', () => state.resets >= resets + 900 || undefined);
  t.is(state.floods, 0);
  state.answer();
  t.is(await answered, 200);
  t.is(gateway.mistakes(), 0);
});

test('a client that gives up too many requests, over all of its connections, is refused for a while', async (t) => {
  const { state, gateway, clock, connect, askAsOther } = await world(t);
  for (let at = 0; at < 5; at += 1) await giveUp(connect('127.0.0.1'), 180, state);
  await giveUp(connect('127.0.0.1'), 100, state);
  t.is(await statusOf(connect('127.0.0.1').request()), 503);
  const metrics = await gateway.metrics();
  t.is(metrics.sum('hauberk_gateway_requests_refused_total', { reason: 'client-limit' }), 1);
  const { answered } = await askAsOther();
  state.answer();
  t.is(await answered, 200);

  await clock.advance(1_000);
  const before = state.answer;
  const again = statusOf(connect('127.0.0.1').request({ ':path': '/other' }));
  await eventually('the service has it', () => state.answer !== before || undefined);
  state.answer();
  t.is(await again, 200);
});

test('a request that is given up within its answer counts as well', async (t) => {
  const { state, connect } = await world(t);
  for (let at = 0; at < 6; at += 1) {
    await giveUp(connect('127.0.0.1'), at < 5 ? 180 : 100, state, 20, '/begun');
  }
  t.is(await statusOf(connect('127.0.0.1').request({ ':path': '/begun' })), 503);
  t.is(await statusOf(connect('127.0.0.9').request({ ':path': '/begun' })), 200);
});

test('a request that is given up while it waits for a connection counts as well', async (t) => {
  let begun = 0;
  const gateway = await openGatewayUnderTest(t, {
    listeners:
      "  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'app:80'}]}\n",
    open: (_service, signal) => {
      begun += 1;
      const { promise, reject } = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => reject(new Error('it was aborted')));
      return promise;
    },
    clock: createManualClock(),
  });
  const connect = (): http2.ClientHttp2Session => {
    const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`);
    session.on('error', () => {});
    t.teardown(() => session.destroy());
    return session;
  };
  for (let at = 0; at < 10; at += 1) {
    const session = connect();
    const streams = Array.from({ length: 100 }, () => session.request());
    for (const stream of streams) stream.on('error', () => {});
    await eventually('they wait', () => begun >= (at + 1) * 100 || undefined);
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    await within('they are given up', answeredPing(session));
  }
  t.is(await statusOf(connect().request()), 503);
  t.is(begun, 1_000);
  t.is(gateway.mistakes(), 0);
});
