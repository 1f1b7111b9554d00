/** How a stream was closed. */
export type StreamClose =
  | 'ended' // Both directions ended in order.
  | 'unread' // The peer sent everything, ended its direction, and reads no more: what it sent counts.
  | 'reset' // The peer broke off, or broke the rules.
  | 'shed' // Memory ran out, and this one had made no progress for the longest time.
  | 'lost'; // The tunnel below it is gone.

/**
 * One connection as a stream of bytes in each direction, whatever carries it: a socket, TLS, or a stream
 * of a tunnel. It is no Node.js stream: a chunk goes from the read into the write in one call, nothing is
 * kept in between, and what is gathered is gathered where it is written.
 *
 *     attach(receiver), start()
 *       reading   receiver.data(chunk) ... consumed(bytes) ...   receiver.end()     the peer's half-close
 *       writing   write(chunk) ... receiver.written(bytes) ...   end()              our half-close
 *       the end   receiver.closed(how)                           close(), reset()
 *
 * A program that speaks a protocol upon it (HTTP/1, say) keeps to this:
 *
 * - A chunk is valid during the call of `data` only, unless it is owned: copy what has to wait. Parse in
 *   place, and write what goes on at once.
 * - Every byte that `data` handed over is given back by `consumed` when it is out of memory: a byte of a
 *   head once it is parsed, a byte of a body once the stream that it was written to has reported it as
 *   `written`. This is the backpressure, from application to application, and the account of memory. In a
 *   tunnel it opens the peer's window; a socket reads on.
 * - `data` returns false to stop a socket from reading before the next `consumed`; usually that is what
 *   `write` has returned. A stream of a tunnel is bounded by its window, and may hand over more.
 * - `end` comes once, after the last byte, and never after anything was lost: a transfer that was cut short
 *   must not look complete. `closed` comes last, once, and says whether all ended in order.
 * - Calls come from the loop that reads a whole tunnel: what a receiver throws would end more than its
 *   own stream. Whatever may throw belongs under the guard.
 */
export interface ByteStream {
  /** True when nothing is carried any more in either direction. */
  readonly isClosed: boolean;
  /** Sets who hears of the stream from now on; nothing is called before `start`. */
  attach(receiver: StreamReceiver): void;
  /**
   * Begins to hand over, with what came before. When the stream is closed already, `closed` says so before
   * this returns.
   */
  start(): void;
  /** Calls the receiver no more and reads no more. Nothing is lost: another one may be attached. */
  detach(): void;
  /** Says that so many bytes of those handed over are out of memory. */
  consumed(bytes: number): void;
  /** Says how much memory is held for bytes that were not consumed, and is empty. */
  holdSpare(bytes: number): void;
  /**
   * Sends bytes. Nothing is lost: what cannot go now goes later, in order. What is written after `end`, or
   * to a stream that is closed, goes nowhere and is never reported.
   *
   * @param more is true when there is more to come in this turn, so that it pays to gather
   * @param isOwned is true when the memory is the stream's from now on; otherwise it is the caller's again when
   *   this returns
   * @returns false when there is enough: write no more before `written` is called
   */
  write(chunk: Buffer, more?: boolean, isOwned?: boolean): boolean;
  /** Ends our direction after what was written (half-close); the other one goes on. */
  end(): void;
  /**
   * Ends our direction after what was written, and reads no more: what the peer still sends is of no use.
   * `closed('ended')` follows, as soon as all has gone.
   */
  close(): void;
  /**
   * Breaks both directions off: the peer hears of an error, never of an end. What was not consumed is given
   * up. The receiver hears `closed('reset')` of it, or nothing.
   */
  reset(): void;
}

/** Takes what comes out of a stream. Implementations call it outside of its own calls where they can. */
export interface StreamReceiver {
  /**
   * Bytes have come.
   *
   * @param more is true when there is more to come in this turn
   * @param isOwned is true when the memory is the receiver's from now on; otherwise it is valid during the call
   * @returns false to stop until `consumed`, as far as the stream can
   */
  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean;
  /** The peer has ended its direction (half-close). */
  end(): void;
  /**
   * The peer, a client, has ended its direction, behind bytes that were not handed over because `data` returned
   * false. `end` comes after them.
   */
  endWaits?(): void;
  /** So many bytes of those written are out of memory, and there is room again. May come within `write`. */
  written(bytes: number): void;
  /** So much memory is held for bytes that were not written yet, and is empty. */
  spare(bytes: number): void;
  /** Nothing is carried any more. Nothing is called after this. */
  closed(how: StreamClose): void;
}
