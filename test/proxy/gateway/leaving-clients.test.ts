/**
 * Clients that leave while nothing is read of them, because their body waits for a service that takes its time: what
 * they asked for is cancelled, and all that it held is free, long before a time limit ends it. A half-close of a client
 * that said that it has no more to ask is no leaving.
 */
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { loadPeerEnd } from '../../../proxy/stream/peer-end.ts';
import { socketStream } from '../../../proxy/stream/socket-stream.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';
import { startRawService } from './raw-service.ts';

/** A gateway that waits for its connection to the service, until the test makes it. */
async function world(t: ExecutionContext) {
  await loadPeerEnd();
  const clock = createManualClock();
  const asked = Promise.withResolvers<AbortSignal>();
  const connected = Promise.withResolvers<Socket>();
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'slow:80'}]}\n`,
    clock,
    async open(_service, signal) {
      asked.resolve(signal);
      const gone = once(signal, 'abort').then(() => Promise.reject(signal.reason as Error));
      return { stream: socketStream(await Promise.race([connected.promise, gone])), peer: 'slow' };
    },
  });
  const client = await connectTcp(t, gateway.port('web'));
  const connect = async (port: number): Promise<void> => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    connected.resolve(socket);
  };
  const signal = within('the service is asked for', asked.promise);
  const isLeft = async (): Promise<boolean> =>
    (await gateway.metrics()).sum('hauberk_gateway_connections_open') === 0;
  /** More than the time between two looks, and much less than any limit. */
  const look = (): Promise<void> => clock.advance(1_500);
  return { client, signal, look, isLeft, connect };
}

const head = (...fields: readonly string[]): string =>
  ['POST / HTTP/1.1', 'Host: a', ...fields, '', ''].join('\r\n');

/** One whose request needs a body of 4 bytes, of which two have come and wait. */
async function waitingForService(t: ExecutionContext, ...fields: readonly string[]) {
  const opened = await world(t);
  opened.client.write(`${head('Content-Length: 4', ...fields)}ab`);
  await opened.signal;
  return opened;
}

/** Each resolves when it is with the system, which on loopback is when it has come. */
const LEAVES = {
  'an RST': (client: Socket) => once(client.resetAndDestroy(), 'close'),
  'a FIN': (client: Socket) => once(client.end(), 'finish'),
} as const;

for (const [name, leave] of Object.entries(LEAVES)) {
  test(`${name} behind a body that waits cancels the request`, async (t) => {
    const { client, signal, look, isLeft } = await waitingForService(t);
    await look();
    t.false((await signal).aborted, 'a client that is there is waited for');
    await leave(client);
    await look();
    t.true((await signal).aborted);
    await eventually('its connection is free', async () => (await isLeft()) || undefined);
  });
}

test('the half-close of a client that has nothing more to ask is answered', async (t) => {
  const service = await startRawService(t, (request) =>
    request.endsWith('abcd') ? 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell' : undefined,
  );
  const { client, signal, look, connect } = await world(t);
  client.end(`${head('Content-Length: 4', 'Connection: close')}abcd`);
  await signal;
  for (let round = 0; round < 3; round += 1) await look();
  t.false((await signal).aborted);
  await connect(service.port);
  const [answer] = (await within('it is answered', once(client, 'data'))) as [Buffer];
  t.regex(String(answer), /^HTTP\/1\.1 200 OK\r\n/);
});

test('an RST after a half-close cancels the request', async (t) => {
  const { client, signal, look, isLeft } = await waitingForService(t, 'Connection: close');
  await LEAVES['a FIN'](client);
  for (let round = 0; round < 3; round += 1) await look();
  t.false((await signal).aborted);
  await LEAVES['an RST'](client);
  await look();
  t.true((await signal).aborted);
  await eventually('its connection is free', async () => (await isLeft()) || undefined);
});
