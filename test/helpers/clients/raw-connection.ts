import { connect, type Socket } from 'node:net';
import { within } from '../deadline.ts';

/** A TCP connection of somebody who does not keep to the rules. */
export interface RawConnection {
  readonly socket: Socket;
  /** Everything that came, once the other side has ended the connection. */
  readonly ended: Promise<Buffer>;
}

/** Connects, sends the bytes, and goes on listening; it does not end the connection itself. */
export function sendRaw(port: number, bytes: string | Uint8Array = ''): RawConnection {
  const socket = connect({ port, host: '127.0.0.1' });
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  // A reset is an end like any other.
  socket.on('error', () => {});
  const ended = new Promise<Buffer>((resolve) => {
    socket.once('close', () => resolve(Buffer.concat(received)));
  });
  socket.on('end', () => socket.end());
  if (bytes.length > 0) socket.write(bytes);
  return { socket, ended };
}

/** Resolves when so many of the connections are open that the other side has to hold them. */
export async function opened(connections: readonly RawConnection[]): Promise<void> {
  const each = connections.map(
    ({ socket, ended }) =>
      new Promise<void>((resolve) => {
        if (!socket.connecting) resolve();
        socket.once('connect', () => resolve());
        void ended.then(() => resolve());
      }),
  );
  await within('the connections are open', Promise.all(each));
}
