import type { Socket } from 'node:net';

/** Who reads a connection that cannot be written to any more. */
export interface FailedWriteReader {
  /** Its descriptor is closed. */
  readonly isDestroyed: boolean;
  /** True while it has enough for now, so that bytes may wait in the system. */
  readonly isPaused: boolean;
}

/**
 * Has a connection hand over what its peer sent before it left, when a write to it has failed, and what the system has
 * received by that time would be lost: the answer of a service that refuses an upload, say, and closes its connection
 * with the rest of it unread, for which the system sends a reset.
 *
 *     write fails -> read on -> a turn in which nothing was read -> given up
 *                       └─ paused: waits for `resumed`
 *
 * After a reset nothing more can come, and what there is lies in the system's buffer: one turn of the event loop tells
 * whether there is any.
 */
export class FailedWrite {
  readonly #reader: FailedWriteReader;
  readonly #giveUp: () => void;
  #hasRead = false;

  constructor(reader: FailedWriteReader, giveUp: () => void) {
    this.#reader = reader;
    this.#giveUp = giveUp;
    this.#afterNextTurn();
  }

  /** Bytes were read. */
  read(): void {
    this.#hasRead = true;
  }

  /** The reader is not paused any more. */
  resumed(): void {
    this.#afterNextTurn();
  }

  #afterNextTurn(): void {
    this.#hasRead = false;
    // The second one runs after the system was asked once more.
    setImmediate(() => setImmediate(this.#endUnlessReading));
  }

  readonly #endUnlessReading = (): void => {
    if (this.#reader.isDestroyed || this.#reader.isPaused) return;
    if (this.#hasRead) this.#afterNextTurn();
    else this.#giveUp();
  };
}

/**
 * Has Node.js not destroy a socket when a write to it fails for the first time, but call `onFailed`: `destroy` is for it
 * to call then. What is destroyed for another reason, or once more, is over.
 */
export function onFailedWrite(socket: Socket, onFailed: (destroy: () => void) => void): void {
  const destroy = socket.destroy.bind(socket);
  let hasFailed = false;
  socket.destroy = (error) => {
    if (hasFailed || error === undefined || !isFailedWrite(error)) return destroy(error);
    hasFailed = true;
    onFailed(() => void destroy(error));
    return socket;
  };
}

function isFailedWrite(error: Error): boolean {
  if (!('syscall' in error) || !('code' in error) || error.syscall !== 'write') return false;
  return error.code === 'EPIPE' || error.code === 'ECONNRESET';
}
