import type { MonotonicClock } from '../../common/clock.ts';

/** How many frames that carry nothing a peer may send. */
export interface FloodLimits {
  /** At once. */
  readonly burst: number;
  /** Per second after that. */
  readonly perSecond: number;
}

/** A frame of data, in either direction, pays for the few frames that manage it. */
const EARNED_BY_DATA = 4;

/**
 * Bounds the frames that make us work and carry nothing: PING, SETTINGS, PRIORITY, RST_STREAM,
 * WINDOW_UPDATE, empty DATA and frames of unknown types (RFC 9113 section 10.5, CVE-2019-9512 and its
 * siblings). A peer of good faith sends a few for each frame of data; a flood of them ends the
 * connection.
 */
export class FloodGuard {
  readonly #clock: MonotonicClock;
  readonly #limits: FloodLimits;
  #tokens: number;
  #filledMs: number;

  constructor(clock: MonotonicClock, limits: FloodLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#tokens = limits.burst;
    this.#filledMs = clock.monotonicMs();
  }

  /** A frame of data was sent or received. */
  earn(): void {
    this.#tokens += EARNED_BY_DATA;
    if (this.#tokens > this.#limits.burst) this.#tokens = this.#limits.burst;
  }

  /** Counts a frame that carries nothing; false when there were too many. */
  spend(): boolean {
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return true;
    }
    const nowMs = this.#clock.monotonicMs();
    const gained = ((nowMs - this.#filledMs) / 1000) * this.#limits.perSecond;
    this.#filledMs = nowMs;
    this.#tokens = Math.min(this.#tokens + gained, this.#limits.burst);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
