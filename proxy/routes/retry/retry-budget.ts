import type { MonotonicClock } from '../../../common/clock.ts';
import { TokenBucket } from '../../../common/rate-limit.ts';
import type { RetryConstraint } from '../../../common/routes/backend-policy.ts';

type BudgetClock = Pick<MonotonicClock, 'monotonicMs'>;

/** The interval in parts: what counted longest ago is forgotten by parts of this share. */
const PARTS = 10;

/**
 * How many retries a backend may be sent (GEP-3388): a share of the requests of the last interval, and a rate that is always allowed.
 * When everything fails, a service that is in trouble gets a fifth more of requests, say, instead of three times as many.
 */
export class RetryBudget {
  readonly #clock: BudgetClock;
  readonly #partMs: number;
  readonly #share: number;
  readonly #always: TokenBucket;
  readonly #requests = Array.from({ length: PARTS }, () => 0);
  readonly #retries = Array.from({ length: PARTS }, () => 0);
  /** Which part counts now, from the start of the clock. */
  #part = 0;

  constructor({ budget, minRetryRate }: RetryConstraint, clock: BudgetClock) {
    this.#clock = clock;
    this.#partMs = Math.max(budget.intervalMs / PARTS, 1);
    this.#share = budget.percent / 100;
    const { count, intervalMs } = minRetryRate;
    this.#always = new TokenBucket(clock, {
      burst: count,
      perSecond: (count / Math.max(intervalMs, 1)) * 1000,
    });
  }

  /** A request has come. */
  requested(): void {
    countIn(this.#requests, this.#turn());
  }

  /** Takes a retry; false when there is none. */
  take(): boolean {
    const part = this.#turn();
    if (sum(this.#retries) + 1 > sum(this.#requests) * this.#share && !this.#always.take()) {
      return false;
    }
    countIn(this.#retries, part);
    return true;
  }

  /** Forgets the parts that are over; @returns where to count now */
  #turn(): number {
    const part = Math.floor(this.#clock.monotonicMs() / this.#partMs);
    const passed = Math.min(part - this.#part, PARTS);
    for (let at = 0; at < passed; at += 1) {
      this.#requests[(part - at) % PARTS] = 0;
      this.#retries[(part - at) % PARTS] = 0;
    }
    this.#part = part;
    return part % PARTS;
  }
}

function countIn(parts: number[], at: number): void {
  parts[at] = (parts[at] ?? 0) + 1;
}

function sum(numbers: readonly number[]): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
