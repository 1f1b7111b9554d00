/**
 * A client asks a service for more than it takes at a time, and its requests do not end, since their bodies never come.
 * It has its share of the places at the service, what is beyond that waits, and a client from another network is
 * served meanwhile.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const GREEDY = '127.0.0.1';
const OTHER = '127.0.0.9';

/** Of 16 connections with 100 requests each, less a tenth, half. */
const STREAMS = 100;
const SHARE = 720;

/** Of the 4,096 that may wait, less a tenth, half. */
const WAITING = 1_843;

/** A service of HTTP/2 that answers requests with bodies when these have come. */
async function startService(t: ExecutionContext) {
  let underWay = 0;
  const server = http2.createServer({ settings: { maxConcurrentStreams: STREAMS } });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  server.on('request', ({ method, stream }, response) => {
    stream.on('error', () => {});
    if (method === 'GET') return void response.end('answer');
    underWay += 1;
    stream.once('close', () => (underWay -= 1));
    stream.once('end', () => response.end('answer'));
    stream.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { port: (server.address() as net.AddressInfo).port, underWay: () => underWay };
}

async function world(t: ExecutionContext, limits = '') {
  const service = await startService(t);
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, ${limits} routes: [{backend: 'app:80', appProtocol: h2c}]}\n`,
    services: { app: service.port },
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
  /** Begins so many requests whose bodies do not come, a hundred on each connection. */
  const begin = (many: number): http2.ClientHttp2Stream[] => {
    const begun: http2.ClientHttp2Stream[] = [];
    while (begun.length < many) {
      const session = connect(GREEDY);
      for (let at = 0; at < 100 && begun.length < many; at += 1) {
        const stream = session.request({ ':method': 'POST' }, { endStream: false });
        stream.on('error', () => {});
        begun.push(stream);
      }
    }
    return begun;
  };
  return { service, gateway, port, connect, begin };
}

/** The status of a GET from an address. */
async function ask(port: number, localAddress: string): Promise<number | undefined> {
  const options = { host: '127.0.0.1', port, localAddress, agent: false };
  const [response] = (await within(
    `${localAddress} is answered`,
    once(http.get(options), 'response'),
  )) as [http.IncomingMessage];
  response.resume();
  return response.statusCode;
}

/** The head of an answer, when it has come. */
async function answerTo(stream: http2.ClientHttp2Stream): Promise<http2.IncomingHttpHeaders> {
  const { promise, resolve } = Promise.withResolvers<http2.IncomingHttpHeaders>();
  stream.once('response', resolve);
  return await within('it is answered', promise);
}

const openConnections = async ({ metrics }: GatewayUnderTest): Promise<number> =>
  (await metrics()).sum('hauberk_gateway_connections_open');

test('a client whose requests do not end keeps no other one out', async (t) => {
  const { service, gateway, port, connect, begin } = await world(t);
  t.is(await ask(port, OTHER), 200);
  const begun = begin(2_000);
  await eventually('it has its share', () => service.underWay() >= SHARE || undefined);
  for (let round = 0; round < 10; round += 1) t.is(await ask(port, OTHER), 200);
  t.is(service.underWay(), SHARE);
  t.is(gateway.mistakes(), 0);

  // What has waited goes on as its own requests end.
  const answers = begun.map(answerTo);
  for (const stream of begun) stream.end();
  t.true((await Promise.all(answers)).every((fields) => Number(fields[':status']) === 200));
  await eventually('nothing is under way', () => service.underWay() === 0 || undefined);

  // Nothing of it is left when it has gone.
  const again = begin(2_000);
  await eventually('it has its share', () => service.underWay() === SHARE || undefined);
  for (const { session } of [...begun, ...again]) session?.destroy();
  const session = connect(OTHER);
  t.is(Number((await answerTo(session.request()))[':status']), 200);
  await eventually('nothing is under way', () => service.underWay() === 0 || undefined);
  await eventually('its connections have ended', async () =>
    (await openConnections(gateway)) === 1 ? true : undefined,
  );
});

test('a client that has more waiting than it may is refused', async (t) => {
  const { service, gateway, port, begin } = await world(t);
  t.is(await ask(port, OTHER), 200);
  const begun = begin(SHARE + WAITING + 1);
  const answers: http2.IncomingHttpHeaders[] = [];
  for (const stream of begun) stream.on('response', (fields) => answers.push(fields));
  const answer = await eventually('one is refused', () => answers[0]);
  t.is(Number(answer[':status']), 503);
  t.is(answer['proxy-status'], 'hauberk; error=connection_limit_reached');
  t.is(answer['retry-after'], '1');
  t.is(await ask(port, OTHER), 200);
  t.is(answers.length, 1);
  t.is(service.underWay(), SHARE);
  const metrics = await gateway.metrics();
  t.is(metrics.sum('hauberk_gateway_requests_refused_total', { reason: 'client-limit' }), 1);
});

test('a client by itself has many requests under way at a time, and none of them waits', async (t) => {
  const { service, port, begin } = await world(t);
  t.is(await ask(port, OTHER), 200);
  const begun = begin(SHARE);
  await eventually('all of them are under way', () => service.underWay() === SHARE || undefined);
  const answered = begun.map(answerTo);
  for (const stream of begun) stream.end();
  t.is((await Promise.all(answered)).length, SHARE);
});

test('behind a load balancer all clients have one address, which may have everything', async (t) => {
  const { service, port, begin } = await world(t, 'limits: {clientPercent: 100},');
  t.is(await ask(port, OTHER), 200);
  begin(2_000);
  await eventually('it has all', () => service.underWay() === 16 * STREAMS || undefined);
  t.pass();
});
