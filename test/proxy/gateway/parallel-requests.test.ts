/** `maxParallelRequests` of a route: a service with few workers has no more requests than those, and nobody has all of them. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

type Version = 'http' | 'h2c';

/** A service that answers when it is told to, and counts what is under way. */
async function startService(t: ExecutionContext, version: Version) {
  const held: (() => void)[] = [];
  const connections = new Set<net.Socket>();
  let most = 0;
  let isOpen = false;
  const onRequest = (_request: unknown, response: { end(text: string): unknown }): void => {
    if (isOpen) return void response.end('answer');
    held.push(() => response.end('answer'));
    most = Math.max(most, held.length);
  };
  const server = version === 'http' ? http.createServer(onRequest) : http2.createServer(onRequest);
  server.on('connection', (socket: net.Socket) => {
    connections.add(socket);
    socket.on('error', () => {}).on('close', () => connections.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    underWay: () => held.length,
    most: () => most,
    connections: () => connections.size,
    answerOne: () => held.shift()?.(),
    answerAll() {
      isOpen = true;
      for (const answer of held.splice(0)) answer();
    },
  };
}

async function world(t: ExecutionContext, version: Version, percent: number) {
  const service = await startService(t, version);
  const route = `{backend: 'app:80', appProtocol: ${version}, maxParallelRequests: 10}`;
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, limits: {clientPercent: ${percent}}, routes: [${route}]}\n`,
    services: { app: service.port },
  });
  const port = gateway.port('web');
  const ask = async (localAddress: string): Promise<number | undefined> => {
    const request = http.get({ host: '127.0.0.1', port, localAddress, agent: false });
    const [response] = (await within('it is answered', once(request, 'response'))) as [
      http.IncomingMessage,
    ];
    response.resume();
    return response.statusCode;
  };
  const askAll = (many: number, localAddress: string) =>
    Array.from({ length: many }, () => ask(localAddress));
  return { service, gateway, ask, askAll };
}

for (const version of ['http', 'h2c'] as const) {
  test(`${version}: a service has as many requests as its route says, and others wait`, async (t) => {
    const { service, askAll, gateway } = await world(t, version, 100);
    const answers = askAll(30, '127.0.0.1');
    await eventually('it has its number', () => service.underWay() === 10 || undefined);
    // Each that ends makes room for the next.
    for (let round = 0; round < 5; round += 1) {
      service.answerOne();
      await eventually('another one comes', () => service.underWay() === 10 || undefined);
    }
    t.is(service.most(), 10);
    if (version === 'http') t.is(service.connections(), 10, 'and a worker for each is enough');
    service.answerAll();
    t.deepEqual(new Set(await Promise.all(answers)), new Set([200]));
    t.is(gateway.mistakes(), 0);
  });

  test(`${version}: one address has no more than its share of them`, async (t) => {
    const { service, ask, askAll } = await world(t, version, 50);
    const greedy = askAll(30, '127.0.0.1');
    await eventually('it has its share', () => service.underWay() === 4 || undefined);
    const others = ['127.0.0.8', '127.0.0.9'].map(ask);
    await eventually('others are served', () => service.underWay() === 6 || undefined);
    const crowd = ['127.0.0.5', '127.0.0.6', '127.0.0.7'].flatMap((from) => askAll(4, from));
    await eventually('there are ten', () => service.underWay() === 10 || undefined);
    t.is(service.most(), 10, 'also where clients have a few each');
    service.answerAll();
    t.deepEqual(new Set(await Promise.all([...greedy, ...others, ...crowd])), new Set([200]));
  });
}
