import type { Socket } from 'node:net';
import { atEndOfTurn } from './end-of-turn.ts';

/** The pieces of a bulk transfer are gathered in this: one system call instead of many. */
const BUFFER_BYTES = 64 * 1024;

/** So many are kept for the next who needs one, by all connections of the process together. */
const MAX_IDLE_BUFFERS = 32;

/** Used again and again: what comes is copied once, and leaves nothing to collect. */
const idleBuffers: Buffer[] = [];

/** What comes of the bytes; a stream of a tunnel. */
export interface BytesObserver {
  /** So many bytes are with the system, and out of our memory. */
  consumed(bytes: number): void;
  /** So much memory waits with bytes that the system does not take, and is empty. */
  holdSpare(bytes: number): void;
}

/** A buffer, and how much of it is to be written. */
interface Piece {
  readonly buffer: Buffer;
  bytes: number;
}

/**
 * Writes what comes out of a tunnel to a plaintext socket: a small message at once, the parts of
 * something larger together, and nothing while a write is under way, which is a sign of a reader who
 * is slower than we are.
 */
export class PlaintextWriter {
  readonly #socket: Socket;
  readonly #observer: BytesObserver;
  /** Wait for the end of the turn, or for the write under way. The last one is being filled. */
  #queue: Piece[] = [];
  #queuedBytes = 0;
  /** Given to the socket, and not taken by the system yet. */
  #writingBytes = 0;
  /** What is empty in the buffers that wait, or are being written. */
  #spareBytes = 0;
  #isGathering = false;

  constructor(socket: Socket, observer: BytesObserver) {
    this.#socket = socket;
    this.#observer = observer;
  }

  /**
   * Takes bytes, which are the caller's again when it returns.
   *
   * @param more is true when there is more to come in this turn, so that it pays to wait for it
   */
  write(chunk: Buffer, more: boolean): void {
    if (this.#socket.destroyed) return;
    // The small end of something larger goes with the rest of it.
    if (!more && this.#queuedBytes === 0 && this.#writingBytes === 0) {
      this.#socket.write(Buffer.from(chunk));
      return this.#sent([], chunk.length);
    }
    this.#append(chunk);
    if (this.#writingBytes > 0) this.#observer.holdSpare(this.#spareBytes);
    else if (!this.#isGathering) {
      this.#isGathering = true;
      atEndOfTurn(this.#onEndOfTurn);
    }
  }

  /** Writes what waits, also behind a write that is under way: a FIN may follow. */
  flush(): void {
    const queue = this.#queue;
    const bytes = this.#queuedBytes;
    if (bytes === 0 || this.#socket.destroyed) return;
    this.#queue = [];
    this.#queuedBytes = 0;
    if (queue.length > 1) this.#socket.cork();
    for (const piece of queue) this.#socket.write(piece.buffer.subarray(0, piece.bytes));
    if (queue.length > 1) this.#socket.uncork();
    this.#sent(queue, bytes);
  }

  /** Forgets what waits; what is being written is the socket's. */
  discard(): void {
    for (const { buffer } of this.#queue) giveBack(buffer);
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #append(chunk: Buffer): void {
    let last = this.#queue.at(-1);
    if (last === undefined || last.buffer.length - last.bytes < chunk.length) {
      if (this.#writingBytes === 0) this.flush();
      last = { buffer: takeBuffer(chunk.length), bytes: 0 };
      this.#queue.push(last);
      this.#spareBytes += last.buffer.length;
    }
    last.buffer.set(chunk, last.bytes);
    last.bytes += chunk.length;
    this.#queuedBytes += chunk.length;
    this.#spareBytes -= chunk.length;
  }

  readonly #onEndOfTurn = (): void => {
    this.#isGathering = false;
    if (this.#writingBytes === 0) this.flush();
  };

  /** Waits until the system has taken what was written: most often it has already. */
  #sent(pieces: readonly Piece[], bytes: number): void {
    const socket = this.#socket;
    if (socket.writableLength === 0) return this.#taken(pieces, bytes);
    this.#writingBytes += bytes;
    this.#observer.holdSpare(this.#spareBytes);
    // Called when all that was written before is with the system. Only now, because a callback for
    // every write would cost more than the write where the reader keeps up.
    socket.write('', (error) => {
      this.#writingBytes -= bytes;
      // After an error the system may still read from the buffers.
      if (socket.destroyed || (error !== null && error !== undefined)) return;
      this.#taken(pieces, bytes);
      if (this.#writingBytes === 0) this.flush();
      this.#observer.holdSpare(this.#spareBytes);
    });
  }

  #taken(pieces: readonly Piece[], bytes: number): void {
    for (const { buffer, bytes: used } of pieces) {
      this.#spareBytes -= buffer.length - used;
      giveBack(buffer);
    }
    this.#observer.consumed(bytes);
  }
}

function takeBuffer(bytes: number): Buffer {
  if (bytes > BUFFER_BYTES) return Buffer.allocUnsafeSlow(bytes);
  return idleBuffers.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
}

function giveBack(buffer: Buffer): void {
  if (buffer.length === BUFFER_BYTES && idleBuffers.length < MAX_IDLE_BUFFERS) {
    idleBuffers.push(buffer);
  }
}
