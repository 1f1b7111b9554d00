import { callEach } from '../../common/listeners.ts';

/**
 * What may wait for a reader who is slower than its writer. Large enough to keep a fast path busy for a turn
 * of the event loop, small enough that small requests beside a bulk transfer do not queue behind it.
 */
const QUEUE_BYTES = 256 * 1024;

/** The pieces of a bulk transfer are gathered in this: one system call instead of many. */
const BUFFER_BYTES = 64 * 1024;

/** What one read of a plaintext socket brings (`socket-reader.ts`). */
const LARGE_BUFFER_BYTES = 128 * 1024;

/**
 * Used again and again: what comes is copied once, and leaves nothing to collect. Of each size 2 MiB are kept for the
 * next who needs one, by all connections of the process together.
 */
const POOLS = [
  { bytes: BUFFER_BYTES, idle: [] as Buffer[], most: 32 },
  { bytes: LARGE_BUFFER_BYTES, idle: [] as Buffer[], most: 16 },
] as const;

/** Called when the system has taken what was written, or with an error when it has not. */
export type OnTaken = (error?: Error | null) => void;

/** Where the bytes of a writer go. */
export interface Outlet {
  /** Its descriptor is closed: nothing can be written. */
  readonly isDestroyed: boolean;
  /**
   * Gives bytes to the system, in order. Their memory stays as it is until they are taken.
   *
   * @param wait called, once, where they are taken later, or not at all; the memory is no more in use only then
   * @returns true when the system has taken them all
   */
  send(chunks: readonly Buffer[], wait: () => OnTaken): boolean;
  /** So many bytes are with the system, and out of our memory. */
  written(bytes: number): void;
  /** So much memory waits with bytes that the system does not take, and is empty. */
  spare(bytes: number): void;
}

/** A buffer, and how much of it is to be written. */
interface Piece {
  readonly buffer: Buffer;
  bytes: number;
}

/**
 * Writes to a connection: a small message at once, the parts of something larger together, and nothing while a
 * write is under way, which is a sign of a reader who is slower than we are.
 */
export class SocketWriter {
  readonly #outlet: Outlet;
  /** Wait for the end of the turn, or for the write under way. The last one is being filled. */
  #queue: Piece[] = [];
  #queuedBytes = 0;
  /** Given to the outlet, and not taken by the system yet. */
  #writingBytes = 0;
  /** What is empty in the buffers that wait, or are being written. */
  #spareBytes = 0;
  #isGathering = false;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  /** The system has taken all that was written. */
  get isIdle(): boolean {
    return this.#queuedBytes === 0 && this.#writingBytes === 0;
  }

  /**
   * Takes bytes.
   *
   * @param more is true when there is more to come in this turn, so that it pays to wait for it
   * @param isOwned is true when their memory is not the caller's any more
   * @returns false when so much waits that it should be enough for now
   */
  write(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    if (this.#outlet.isDestroyed) return false;
    // The small end of something larger goes with the rest of it.
    if (!more && this.#queuedBytes === 0 && this.#writingBytes === 0) {
      if (isOwned) this.#send([chunk], [], chunk.length);
      else if (chunk.length <= BUFFER_BYTES) this.#send([Buffer.from(chunk)], [], chunk.length);
      else {
        this.#append(chunk);
        this.flush();
      }
    } else {
      this.#append(chunk);
      if (this.#writingBytes > 0) this.#outlet.spare(this.#spareBytes);
      else this.#gather();
    }
    return this.#queuedBytes + this.#writingBytes < QUEUE_BYTES;
  }

  /** Writes what waits, also behind a write that is under way: a FIN may follow. */
  flush(): void {
    const queue = this.#queue;
    const bytes = this.#queuedBytes;
    if (bytes === 0 || this.#outlet.isDestroyed) return;
    this.#queue = [];
    this.#queuedBytes = 0;
    const chunks = queue.map(({ buffer, bytes: used }) => buffer.subarray(0, used));
    this.#send(chunks, queue, bytes);
  }

  /** Forgets what waits; what is being written is the outlet's. */
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

  #gather(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    atEndOfTurn(this);
  }

  /** What was gathered in this turn goes, unless a write is under way. */
  endTurn(): void {
    this.#isGathering = false;
    if (this.#writingBytes === 0) this.flush();
  }

  /** Writes, and waits until the system has taken it: most often it has already. */
  #send(chunks: readonly Buffer[], pieces: readonly Piece[], bytes: number): void {
    const isTaken = this.#outlet.send(chunks, () => this.#wait(pieces, bytes));
    if (isTaken) this.#taken(pieces, bytes);
  }

  #wait(pieces: readonly Piece[], bytes: number): OnTaken {
    this.#writingBytes += bytes;
    this.#outlet.spare(this.#spareBytes);
    return (error) => {
      this.#writingBytes -= bytes;
      // After an error the system may still read from the buffers.
      if (this.#outlet.isDestroyed || (error !== null && error !== undefined)) return;
      this.#taken(pieces, bytes);
      if (this.#writingBytes === 0) this.flush();
      this.#outlet.spare(this.#spareBytes);
    };
  }

  #taken(pieces: readonly Piece[], bytes: number): void {
    for (const { buffer, bytes: used } of pieces) {
      this.#spareBytes -= buffer.length - used;
      giveBack(buffer);
    }
    this.#outlet.written(bytes);
  }
}

function takeBuffer(bytes: number): Buffer {
  const pool = POOLS.find((one) => bytes <= one.bytes);
  return pool?.idle.pop() ?? Buffer.allocUnsafeSlow(pool?.bytes ?? bytes);
}

function giveBack(buffer: Buffer): void {
  const pool = POOLS.find((one) => buffer.length === one.bytes);
  if (pool !== undefined && pool.idle.length < pool.most) pool.idle.push(buffer);
}

let gathering: SocketWriter[] = [];

/** Has those who gather write when the present turn of the event loop ends: all of them in one callback. */
function atEndOfTurn(writer: SocketWriter): void {
  if (gathering.push(writer) === 1) setImmediate(endTurns);
}

function endTurns(): void {
  const due = gathering;
  gathering = [];
  callEach(due, (writer) => writer.endTurn());
}
