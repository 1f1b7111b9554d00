import type net from 'node:net';

/**
 * Breaks a connection off, so that its peer sees no orderly end; one that is gone already stays so.
 *
 * While the end of its writing side is on its way to the system, a reset is refused (libuv, EINVAL), and
 * Node.js then neither closes the descriptor nor emits 'close'. All was written by then, so that the
 * end takes one turn of the event loop: the reset waits for it.
 */
export function resetSocket(socket: net.Socket): void {
  const isEnding = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  if (socket.destroyed) return;
  if (!isEnding) return void socket.resetAndDestroy();
  socket.once('finish', () => {
    if (!socket.destroyed) socket.resetAndDestroy();
  });
}
