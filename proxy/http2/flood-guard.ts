import type { MonotonicClock } from '../../common/clock.ts';
import { TokenBucket, type Rate } from '../../common/rate-limit.ts';

/** A frame of data, in either direction, pays for the few frames that manage it. */
const EARNED_BY_DATA = 4;

/** So much data pays for one more: readers in small steps open both windows every 4 KiB. */
const BYTES_PER_EARNED = 1024;

/**
 * Less than this is a crumb where the peer's windows have cut it off, and counts as a frame of the peer's: it opened them to have it.
 * At this size a download costs four times what it costs with windows of 4 KiB; at 32 bytes, nearly thirty times. Clients open their
 * windows by kilobytes.
 */
const LEAST_CUT_BYTES = 256;

/**
 * Bounds the frames that make us work and carry nothing: PING, SETTINGS, PRIORITY, RST_STREAM,
 * WINDOW_UPDATE, empty DATA and frames of unknown types (RFC 9113 section 10.5, CVE-2019-9512 and its
 * siblings). A peer of good faith sends a few for each frame of data; a flood of them ends the
 * connection.
 */
export class FloodGuard {
  readonly #frames: TokenBucket;

  /** @param rate of frames that carry nothing */
  constructor(clock: MonotonicClock, rate: Rate) {
    this.#frames = new TokenBucket(clock, rate);
  }

  /**
   * A frame with so much data was sent; `isCut` when more waits (CVE-2019-9511). One SETTINGS can open the windows of all streams
   * by a crumb each, which is why they count and not only what opens them.
   */
  sent(bytes: number, isCut: boolean): void {
    if (isCut && bytes < LEAST_CUT_BYTES) this.#frames.owe(1);
    else this.earn(bytes);
  }

  /** A frame with so much data was received, or one of header fields was sent. */
  earn(bytes: number): void {
    this.#frames.give(EARNED_BY_DATA + Math.floor(bytes / BYTES_PER_EARNED));
  }

  /** Counts a frame that carries nothing; false when there were too many. */
  spend(): boolean {
    return this.#frames.take();
  }
}
