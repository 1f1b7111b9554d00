/**
 * A client asks over many connections of HTTP/2 for large answers and reads none of them. What waits for it is on its
 * account: when memory runs short its connections end, and a client from another network that reads slowly gets its answer.
 */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { CLIENT_PREFACE, FRAME, frame } from '../../helpers/clients/http2-frames.ts';
import { eventually } from '../../helpers/deadline.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';
import { rawGet } from './raw-get.ts';

const MIB = 1024 * 1024;
const LIMIT = 4 * MIB;

const GREEDY_CONNECTIONS = 60;

/** More than the system takes for a connection that is not read. */
const ANSWER = Buffer.alloc(48 * MIB);

async function startSource(t: ExecutionContext): Promise<number> {
  const server = http.createServer((_request, response) => {
    response.on('error', () => {});
    response.end(ANSWER);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A window that holds all, so that it is TCP that stands still. */
const BEGIN = Buffer.concat([
  CLIENT_PREFACE.subarray(0, 24),
  frame({ type: FRAME.settings, payload: Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]) }),
  frame({ type: FRAME.windowUpdate, payload: Buffer.from([0x7f, 0xff, 0, 0]) }),
  rawGet('/'),
]);

test('connections on which answers are not read end when memory runs short, and others go on', async (t) => {
  const memory = new MemoryBudget(LIMIT);
  const gateway = await openGatewayUnderTest(t, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'source:80'}]}\n`,
    services: { source: await startSource(t) },
    memory,
  });
  const port = gateway.port('web');
  const ask = (localAddress: string): net.Socket => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    t.teardown(() => socket.destroy());
    socket.on('error', () => {});
    socket.pause();
    socket.write(BEGIN);
    return socket;
  };
  const other = ask('127.0.0.9');
  await eventually('it waits for its answer to be read', () => memory.totalBytes > 0 || undefined);
  for (let at = 0; at < GREEDY_CONNECTIONS; at += 1) ask('127.0.0.1');
  const open = async (): Promise<number> =>
    (await gateway.metrics()).sum('hauberk_gateway_connections_open');
  await eventually('connections have ended', async () =>
    memory.shedCount >= 10 && (await open()) < GREEDY_CONNECTIONS - 5 ? true : undefined,
  );
  t.true(memory.totalBytes <= LIMIT);

  let bytes = 0;
  other.on('data', (chunk: Buffer) => (bytes += chunk.length));
  other.resume();
  await eventually('the other one has its answer', () => bytes > ANSWER.length || undefined);
  t.false(other.destroyed);
  t.is(gateway.mistakes(), 0);
});
