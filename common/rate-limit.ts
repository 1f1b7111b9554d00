import type { MonotonicClock } from './clock.ts';

/** A burst at once, and a steady rate after it. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

type RateClock = Pick<MonotonicClock, 'monotonicMs'>;

/** A token bucket: allows a burst, and a steady rate after it. */
export class TokenBucket {
  readonly #clock: RateClock;
  readonly #rate: Rate;
  #tokens: number;
  #filledMs: number;

  constructor(clock: RateClock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledMs = clock.monotonicMs();
  }

  /** How many more are allowed now; a fraction while the next one is being gained. */
  get left(): number {
    const { burst, perSecond } = this.#rate;
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMs) / 1000) * perSecond);
    this.#filledMs = nowMs;
    return this.#tokens;
  }

  /** Nothing was taken, or all of it was gained again: a new bucket would say the same. */
  get isFull(): boolean {
    return this.left >= this.#rate.burst;
  }

  /** In so many milliseconds there is one to take; 0 when there is one now. */
  get retryAfterMs(): number {
    const { left } = this;
    return left >= 1 ? 0 : Math.ceil(((1 - left) / this.#rate.perSecond) * 1000);
  }

  /** Takes one; false when there is none. */
  take(): boolean {
    if (this.left < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes as many as there are, up to so many. @returns how many */
  takeUpTo(most: number): number {
    const taken = Math.min(most, Math.floor(this.left));
    this.#tokens -= taken;
    return taken;
  }

  /** Takes so many, also those that there are not yet. */
  owe(tokens: number): void {
    this.#tokens = this.left - tokens;
  }

  /** Gives some back; it is never more than full. */
  give(tokens: number): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + tokens);
  }
}

/** A gate for what may happen only so often; false when it is shut. */
export function createRateLimit(clock: RateClock, rate: Rate): () => boolean {
  const bucket = new TokenBucket(clock, rate);
  return () => bucket.take();
}

/** All that is of interest in a short incident; then some 500 MB a day, which the rotation of a log takes. */
const LOG_RATE: Rate = { burst: 100, perSecond: 20 };

/** A gate for log lines that others can cause without end: they fill a counter, not the disk. */
export function createLogLimit(clock: RateClock): () => boolean {
  return createRateLimit(clock, LOG_RATE);
}
