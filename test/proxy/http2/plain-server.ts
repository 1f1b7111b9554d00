import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { systemClock } from '../../../common/clock.ts';
import { Http2Connection } from '../../../proxy/http2/connection.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { SocketTransport } from '../../../proxy/http2/transport/socket-transport.ts';
import { recordingHandler, SERVER_LIMITS } from './harness.ts';

/** The engine behind a plain TCP port, for tools that can show no certificate. */
export interface PlainServer extends AsyncDisposable {
  readonly port: number;
}

/** Listens, answers each CONNECT with 200, and echoes what comes. */
export async function startPlainServer(): Promise<PlainServer> {
  const budget = new MemoryBudget(64 * 1024 * 1024);
  const connections = new Set<Http2Connection>();
  const server: Server = createServer({ noDelay: true }, (transport) => {
    const { handler } = recordingHandler((stream) => {
      connection.respond(stream, 200, false);
      stream.attach({
        data(chunk) {
          stream.write(chunk);
          stream.consumed(chunk.length);
          return true;
        },
        end: () => stream.end(),
        written() {},
        spare() {},
        closed() {},
      });
      stream.start();
    });
    const connection = new Http2Connection({
      role: 'server',
      transport: new SocketTransport(transport),
      handler,
      limits: SERVER_LIMITS,
      budget,
      clock: systemClock,
    });
    connections.add(connection);
    transport.once('close', () => connections.delete(connection));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
