import type { Socket } from 'node:net';

/** Who reads a socket that cannot be written to any more. */
export interface FailedWriteReader {
  /** A write has failed: bytes may still come, and none go. */
  writeFailed(): void;
  /** True while it has enough for now, so that bytes may wait in the system. */
  readonly isPaused: boolean;
}

/**
 * Has a socket hand over what its peer sent before it left, when a write to it fails. Node.js destroys a socket then,
 * and what the system has received by that time is lost: the answer of a service that refuses an upload, say, and
 * closes its connection with the rest of it unread, for which the system sends a reset.
 *
 *     write fails -> read on -> a turn in which nothing was read -> destroyed, with the error of the write
 *                       └─ paused: waits for `resumed`
 *
 * After a reset nothing more can come, and what there is lies in the system's buffer: one turn of the event loop tells
 * whether there is any.
 */
export class FailedWrite {
  readonly #socket: Socket;
  readonly #reader: FailedWriteReader;
  readonly #destroy: (error?: Error) => Socket;
  #error: Error | undefined;
  #hasRead = false;

  constructor(socket: Socket, reader: FailedWriteReader) {
    this.#socket = socket;
    this.#reader = reader;
    this.#destroy = socket.destroy.bind(socket);
    socket.destroy = (error) => this.#destroyUnlessWriteFailed(error);
  }

  /** A write has failed, and what was received is being read. */
  get isReadingOn(): boolean {
    return this.#error !== undefined;
  }

  /** Bytes were read. */
  read(): void {
    this.#hasRead = true;
  }

  /** The reader is not paused any more. */
  resumed(): void {
    if (this.isReadingOn) this.#afterNextTurn();
  }

  #destroyUnlessWriteFailed(error: Error | undefined): Socket {
    // What is destroyed for another reason, or once more, is over.
    if (this.isReadingOn || error === undefined || !isFailedWrite(error)) {
      return this.#destroy(error);
    }
    this.#error = error;
    this.#reader.writeFailed();
    this.#afterNextTurn();
    return this.#socket;
  }

  #afterNextTurn(): void {
    this.#hasRead = false;
    // The second one runs after the system was asked once more.
    setImmediate(() => setImmediate(this.#endUnlessReading));
  }

  readonly #endUnlessReading = (): void => {
    if (this.#socket.destroyed || this.#reader.isPaused) return;
    if (this.#hasRead) this.#afterNextTurn();
    else this.#destroy(this.#error);
  };
}

function isFailedWrite(error: Error): boolean {
  if (!('syscall' in error) || !('code' in error) || error.syscall !== 'write') return false;
  return error.code === 'EPIPE' || error.code === 'ECONNRESET';
}
