import { FrameBuffer } from './frame-buffer.ts';
import { giveBackMemory } from './frame-memory.ts';
import type { UnreadBytes } from './unread-bytes.ts';
import type { Transport } from './transport/transport.ts';

/** A stream that has bytes to send, or whose reader waits for room. */
export interface Sender {
  /**
   * Its turn: sends at most so many bytes.
   *
   * @returns true when it wants another turn
   */
  sendSome(maxBytes: number): boolean;
}

/**
 * What may wait behind the write that is under way. Enough to keep a fast path busy, and little enough
 * that small requests don't wait long behind bulk transfers.
 */
const HIGH_WATER_BYTES = 256 * 1024;

/** What one stream may send before it is the next one's turn. */
const TURN_BYTES = 64 * 1024;

/** Either of them, where memory is scarce and the peer has much of it: it does not read, or reads slowly. */
const SCARCE_BYTES = 16 * 1024;

/**
 * The answers and window updates that may wait besides. A peer who makes us produce more and doesn't
 * read them means harm (CVE-2019-9517).
 */
const MAX_BACKLOG_BYTES = HIGH_WATER_BYTES + 1024 * 1024;

/**
 * Sends frames. All frames of one turn of the event loop leave in one TLS write, one write is under
 * way at a time, and what comes meanwhile goes with the next. Streams that find it full wait in line,
 * and are served in turn.
 *
 *     quiet: flushed at the end of the callback      one request, no wait
 *     busy:  flushed at the end of the turn          many requests, one write
 *
 * What comes in a turn in which something was flushed waits for the write, or for the end of the turn.
 */
export class Outbox {
  readonly frames: FrameBuffer;
  readonly #transport: Transport;
  readonly #mayServe: () => boolean;
  readonly #onOverflow: () => void;
  readonly #unread: UnreadBytes | undefined;
  readonly #waiting = new Set<Sender>();
  #isWriting = false;
  /** The bytes of the write that is under way. */
  #writing: Buffer | undefined;
  #isScheduled = false;
  /** The last flush had more than one frame: more will come in this turn. */
  #isBusy = false;

  constructor(options: {
    readonly transport: Transport;
    /** False while no stream may send data: the connection's window is closed. */
    readonly mayServe: () => boolean;
    /** The peer does not read, and makes us produce. */
    readonly onOverflow: () => void;
    /** Counts what waits; undefined where it is bounded by the number of connections, which is ours. */
    readonly unread?: UnreadBytes;
    /** This is one of many, which mostly send little at a time. */
    readonly isSmall?: boolean;
  }) {
    this.#transport = options.transport;
    this.#mayServe = options.mayServe;
    this.#onOverflow = options.onOverflow;
    this.#unread = options.unread;
    this.frames = new FrameBuffer(this.#schedule, options.isSmall);
  }

  /** True when senders should wait for their turn. */
  get isFull(): boolean {
    const { length } = this.frames;
    return length >= HIGH_WATER_BYTES || (length >= SCARCE_BYTES && this.#isScarce);
  }

  get #isScarce(): boolean {
    return this.#unread?.isRoomy === false;
  }

  /** Puts a sender at the end of the queue, unless it is in it. */
  wait(sender: Sender): void {
    this.#waiting.add(sender);
  }

  /** Takes a sender out of the line. */
  forget(sender: Sender): void {
    this.#waiting.delete(sender);
  }

  /** Gives turns to those who wait, as long as there is room. */
  serve(): void {
    if (this.#waiting.size === 0) return;
    const turnBytes = this.#isScarce ? SCARCE_BYTES : TURN_BYTES;
    // A sender that is added again while this runs comes again, after all the others.
    for (const sender of this.#waiting) {
      if (this.isFull || !this.#mayServe()) return;
      this.#waiting.delete(sender);
      if (sender.sendSome(turnBytes)) this.#waiting.add(sender);
    }
  }

  readonly #schedule = (): void => {
    if (this.frames.length > MAX_BACKLOG_BYTES) return this.#onOverflow();
    this.#unread?.grew(this.frames.length + (this.#writing?.length ?? 0));
    if (this.#isWriting || this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#isBusy) setImmediate(this.#flush);
    else queueMicrotask(this.#flush);
  };

  /** Sends what waits, unless a write is under way, after which it goes by itself. */
  readonly #flush = (): void => {
    this.#isScheduled = false;
    if (this.#isWriting || this.frames.length === 0 || this.#isGone) return;
    this.#isBusy = this.frames.frames > 1;
    this.#isWriting = true;
    this.#writing = this.frames.take();
    this.#transport.write(this.#writing, this.#onWritten);
    if (this.#isWriting || this.#isBusy) return;
    // Taken at once, as a stream of a tunnel does, which does not mean that nothing else comes in this turn.
    this.#isScheduled = true;
    setImmediate(this.#flush);
  };

  readonly #onWritten = (): void => {
    if (this.#writing !== undefined) giveBackMemory(this.#writing);
    this.#writing = undefined;
    this.#isWriting = false;
    if (this.#isGone) return;
    this.#unread?.shrank(this.frames.length);
    this.serve();
    // What was added in this callback has been scheduled; what came before has not.
    if (this.frames.length > 0) this.#schedule();
  };

  get #isGone(): boolean {
    return !this.#transport.isWritable;
  }

  /** Sends what waits, and then a FIN. */
  end(): void {
    if (this.frames.length > 0 && !this.#isGone) {
      this.#transport.write(this.frames.take(), () => {});
    }
    this.#transport.end();
  }

  /** The connection is gone. */
  release(): void {
    this.#unread?.release();
  }
}
