import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { within } from '../deadline.ts';
import type { Scope } from '../scope.ts';

/** Connects to a local port, half-open capable; the connection ends with the scope at the latest. */
export async function connectTcp(scope: Scope, port: number): Promise<Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  socket.on('error', () => {});
  scope.teardown(() => socket.destroy());
  await within(`port ${port} accepts`, once(socket, 'connect'));
  return socket;
}

/** Resolves with the next so many bytes as text; leaves the connection paused. */
export async function readText(socket: Socket, bytes: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const onReadable = (): void => {
    const chunk = socket.read(bytes) as Buffer | null;
    if (chunk !== null) resolve(chunk.toString());
  };
  const onEnd = (): void => reject(new Error(`the connection ended before ${bytes} bytes came`));
  socket.on('readable', onReadable);
  socket.once('end', onEnd);
  socket.once('close', onEnd);
  try {
    onReadable();
    return await within(`${bytes} bytes come`, promise);
  } finally {
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    socket.off('close', onEnd);
  }
}

/** How a connection ended, as an application sees it. */
export type SocketEnd = 'end' | 'reset';

/** Resolves with how the other side ends its direction: with a FIN or with a reset. */
export function endOf(socket: Socket): Promise<SocketEnd> {
  const { promise, resolve } = Promise.withResolvers<SocketEnd>();
  if (socket.errored !== null) resolve('reset');
  else if (socket.readableEnded) resolve('end');
  socket.once('end', () => resolve('end'));
  socket.once('error', () => resolve('reset'));
  socket.resume();
  return within('the connection ends', promise);
}

/**
 * Connects to a local port that is expected not to carry anybody, says something, and resolves with how
 * the other side ended it. A reset may come before the connection counts as made: `connectTcp` would
 * take it for a failure.
 */
export async function callInVain(port: number): Promise<SocketEnd> {
  const socket = net.connect(port, '127.0.0.1');
  const ended = endOf(socket);
  socket.write('secret');
  return await ended.finally(() => socket.destroy());
}
