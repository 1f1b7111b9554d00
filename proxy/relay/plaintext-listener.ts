import cluster from 'node:cluster';
import net from 'node:net';
import type { Logger } from 'pino';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import { formatHostPort, listen, type ListenTarget } from '../../common/listen.ts';
import { resetSocket } from './reset-socket.ts';

/** A listener for plaintext connections that is up. */
export interface PlaintextListener extends Closeable, Drainable {
  /** Where it listens: the real port, when it was asked for port 0. */
  readonly address: { readonly address: string; readonly port: number };
}

/** What a listener needs. */
export interface PlaintextListenerOptions extends ListenTarget {
  readonly logger: Logger;
  /** What is said when it listens, at that address and port. */
  readonly announcement: (at: string) => string;
  /** What is logged with that. */
  readonly fields?: Readonly<Record<string, string>>;
}

/**
 * Listens for plaintext connections and hands each, half-open capable and unread, to `serve`, which
 * owns it until its promise resolves, and never rejects.
 *
 * Throws ListenError when it cannot listen.
 */
export async function listenPlaintext(
  { logger, announcement, fields, ...target }: PlaintextListenerOptions,
  serve: (socket: net.Socket) => Promise<void>,
): Promise<PlaintextListener> {
  const sockets = new Map<net.Socket, Promise<void>>();
  const server = net.createServer(
    { allowHalfOpen: true, noDelay: true, pauseOnConnect: true },
    (socket) => {
      // An error is followed by 'close', where whoever serves it notices.
      socket.on('error', () => {});
      const served = serve(socket).finally(() => sockets.delete(socket));
      sockets.set(socket, served);
    },
  );
  // Workers take what the system deals out: handing on each of many short connections would cost more.
  const { address, port } = await listen(server, { ...target, shared: cluster.isWorker });
  logger.info(
    { event: 'listening', name: target.name, address, port, ...fields },
    announcement(formatHostPort(address, port)),
  );
  // accept() can fail for want of file descriptors: the listener goes on when there are some again.
  server.on('error', (error) => {
    const sentence = `could not accept a connection to the ${target.name} port: ${error.message}`;
    logger.error({ event: 'accept-failed', name: target.name }, sentence);
  });
  const refuse = (): void => void server.close();
  const force = (): void => {
    for (const socket of sockets.keys()) resetSocket(socket);
  };
  return {
    address: { address, port },
    refuse,
    async idle() {
      while (sockets.size > 0) await Promise.all(sockets.values());
    },
    force,
    close() {
      refuse();
      force();
    },
  };
}
