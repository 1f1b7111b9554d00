import type { MonotonicClock } from './clock.ts';
import { TokenBucket, type Rate } from './rate-limit.ts';

/** Keys that are remembered at most: a few MB. */
const MAX_KEYS = 10_000;

/** A full table gives up so many at once, so that looking for them costs little for each key. */
const GIVEN_UP = 1 / 8;

/**
 * A token bucket for each key. The table is bounded: a key whose bucket is full again is forgotten
 * first, which changes nothing, and then those that took least. So a caller with many names pushes out
 * the names of honest ones, which lose nothing by it, and never what a greedy one owes.
 */
export class KeyedBuckets {
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #clock: Pick<MonotonicClock, 'monotonicMs'>;
  readonly #rate: Rate;
  readonly #maxKeys: number;

  constructor(clock: Pick<MonotonicClock, 'monotonicMs'>, rate: Rate, maxKeys = MAX_KEYS) {
    this.#clock = clock;
    this.#rate = rate;
    this.#maxKeys = maxKeys;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** How many more are allowed now. */
  left(key: string): number {
    return this.#buckets.get(key)?.left ?? this.#rate.burst;
  }

  /** In so many milliseconds there is one to take. */
  retryAfterMs(key: string): number {
    return this.#buckets.get(key)?.retryAfterMs ?? 0;
  }

  /** Takes one; false when there is none. */
  take(key: string): boolean {
    return this.#bucketOf(key).take();
  }

  /** Takes so many, also those that there are not yet: they are gained before the next one is. */
  owe(key: string, many: number): void {
    if (many > 0) this.#bucketOf(key).owe(many);
  }

  #bucketOf(key: string): TokenBucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    if (this.#buckets.size >= this.#maxKeys) this.#makeRoom();
    const bucket = new TokenBucket(this.#clock, this.#rate);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #makeRoom(): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isFull) this.#buckets.delete(key);
    const most = Math.floor(this.#maxKeys * (1 - GIVEN_UP));
    if (this.#buckets.size <= most) return;
    const byLeft = Array.from(this.#buckets, ([key, { left }]) => ({ key, left }));
    byLeft.sort((a, b) => b.left - a.left);
    for (const { key } of byLeft.slice(0, this.#buckets.size - most)) this.#buckets.delete(key);
  }
}
