import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { Scope } from '../scope.ts';

/** An application that speaks plaintext TCP on loopback. */
export interface TcpApp {
  readonly port: number;
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** The next connection, or the first one that was not handed out yet. */
  accepted(): Promise<Socket>;
}

/** Starts a TCP server whose connections stay half-open when one side ends; it ends with the scope. */
export async function startTcpApp(
  scope: Scope,
  serve: (socket: Socket) => void = () => {},
): Promise<TcpApp> {
  const sockets = new Set<Socket>();
  const arrived: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    serve(socket);
    const waiter = waiting.shift();
    if (waiter === undefined) arrived.push(socket);
    else waiter(socket);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  scope.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    async accepted() {
      const socket = arrived.shift();
      if (socket !== undefined) return socket;
      return await new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/** Serves a connection by sending back whatever comes. */
export function echo(socket: Socket): void {
  socket.pipe(socket);
}
