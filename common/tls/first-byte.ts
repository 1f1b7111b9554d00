import type { Socket } from 'node:net';
import type { MonotonicClock } from '../clock.ts';

/** What became of a connection that has no reader yet. */
export type FirstByte = 'came' | 'late' | 'left';

/**
 * Waits for the first byte of a connection, and leaves it where it is. A connection that says nothing
 * costs no TLS, and its time does not count for a handshake that has begun.
 */
export function firstByte(
  socket: Socket,
  { clock, timeoutMs }: { readonly clock: MonotonicClock; readonly timeoutMs: number },
): Promise<FirstByte> {
  if (socket.destroyed) return Promise.resolve('left');
  if (socket.readableLength > 0) return Promise.resolve('came');
  const { promise, resolve } = Promise.withResolvers<FirstByte>();
  const finish = (result: FirstByte): void => {
    timer.cancel();
    socket.off('readable', onReadable);
    socket.off('close', onClose);
    resolve(result);
  };
  // An end without a byte is told in the same way.
  const onReadable = (): void => finish(socket.readableLength > 0 ? 'came' : 'left');
  const onClose = (): void => finish('left');
  const timer = clock.after(timeoutMs, () => finish('late'));
  socket.on('readable', onReadable);
  socket.on('close', onClose);
  return promise;
}
