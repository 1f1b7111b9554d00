import { DEFAULT_WINDOW_BYTES } from './protocol.ts';

/** A window that grows does so by this factor: from 64 KiB to 1 MiB in two steps. */
const GROWTH = 4;

/**
 * A reader who takes half of a window in this time keeps up: its window may be what holds it up, if
 * the way to the peer is long. One who takes longer would only have more waiting for it.
 */
const KEEPS_UP_MS = 500;

/**
 * What a peer may still send on one stream (RFC 9113 section 6.9.1). It begins with the default of
 * the RFC, so that there is never a doubt which SETTINGS the peer has seen, and grows for readers
 * who keep up: a reader who doesn't can only ever hold up a small window.
 */
export class ReceiveWindow {
  readonly #maxBytes: number;
  #sizeBytes = DEFAULT_WINDOW_BYTES;
  #leftBytes = DEFAULT_WINDOW_BYTES;
  #readBytes = 0;
  /** When the peer's window was increased for the last time. */
  #increasedMs = Number.NEGATIVE_INFINITY;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Counts what has arrived; false when the peer was not allowed to send as much. */
  receive(bytes: number): boolean {
    this.#leftBytes -= bytes;
    return this.#leftBytes >= 0;
  }

  /** Counts what was read; true when it is time to increase the peer's window. */
  read(bytes: number): boolean {
    this.#readBytes += bytes;
    return this.#readBytes * 2 >= this.#sizeBytes;
  }

  /**
   * Increases the peer's window, and says by how much.
   *
   * @param isRoomy is true when there is memory for larger windows
   */
  increase(nowMs: number, isRoomy: boolean): number {
    const mayGrow = isRoomy && nowMs - this.#increasedMs <= KEEPS_UP_MS;
    this.#increasedMs = nowMs;
    const size = mayGrow ? Math.min(this.#sizeBytes * GROWTH, this.#maxBytes) : this.#sizeBytes;
    const increment = this.#readBytes + (size - this.#sizeBytes);
    this.#sizeBytes = size;
    this.#readBytes = 0;
    this.#leftBytes += increment;
    return increment;
  }
}

/**
 * What a peer may still send on a connection. In a tunnel it is given back on receipt and not when it was read:
 * otherwise stalled readers hold all of it, and no other stream gets through. What waits for readers
 * is bounded by their own windows, and by the memory budget of the process.
 */
export class ConnectionWindow {
  readonly #sizeBytes: number;
  #leftBytes: number;

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
    this.#leftBytes = DEFAULT_WINDOW_BYTES;
  }

  /** Counts what has arrived; false when the peer was not allowed to send as much. */
  receive(bytes: number): boolean {
    this.#leftBytes -= bytes;
    return this.#leftBytes >= 0;
  }

  /**
   * By how much to increase the peer's window now: 0 for not yet.
   *
   * @param heldBytes is how much of it is to stay closed, because that many bytes wait to be read
   */
  refill(heldBytes = 0): number {
    const increment = this.#sizeBytes - heldBytes - this.#leftBytes;
    if (increment * 4 < this.#sizeBytes) return 0;
    this.#leftBytes += increment;
    return increment;
  }
}
