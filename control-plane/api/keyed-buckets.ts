import type { Clock } from '../../common/clock.ts';

/** A burst at once, and a steady rate after it. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  tokens: number;
  filledMs: number;
}

/** Beyond so many keys the one that was used longest ago is forgotten: a few MB. */
const MAX_KEYS = 10_000;

/** A token bucket for each key; a key that is not used costs nothing for long. */
export class KeyedBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Pick<Clock, 'now'>;
  readonly #rate: Rate;

  constructor(clock: Pick<Clock, 'now'>, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** How many more are allowed now. */
  left(key: string): number {
    const bucket = this.#buckets.get(key);
    return bucket === undefined ? this.#rate.burst : this.#filled(bucket);
  }

  /** Takes one; false when there is none. */
  take(key: string): boolean {
    const left = this.left(key);
    const tokens = left >= 1 ? left - 1 : left;
    // Put in again, so that the order of the map is the order of use.
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens, filledMs: this.#clock.now() });
    if (this.#buckets.size > MAX_KEYS) this.#forgetOldest();
    return left >= 1;
  }

  #filled({ tokens, filledMs }: Bucket): number {
    const { burst, perSecond } = this.#rate;
    const elapsedMs = Math.max(this.#clock.now() - filledMs, 0);
    return Math.min(burst, tokens + (elapsedMs / 1000) * perSecond);
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
