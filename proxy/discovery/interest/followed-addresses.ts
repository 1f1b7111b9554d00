import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { TokenBucket, type Rate } from '../../../common/rate-limit.ts';
import { addressOf, addressScope } from '../../../common/wire/interest.ts';
import type { Interest } from './interest.ts';

/** Half of what a stream may name: the rest is for services. */
export const MAX_FOLLOWED = 2_048;

/** So many of those that were called longest ago are given up at a time. */
const GIVEN_UP = 64;

/** Half of what the control plane answers of one sidecar, so that it never has to refuse. */
const QUESTION_RATE: Rate = { burst: 1_024, perSecond: 50 };

/** More that wait would wait for longer than any caller. */
const MAX_WAITING = 512;

/** The addresses that the application calls. Each is asked about once, and followed until others were called since. */
export class FollowedAddresses implements Closeable, Disposable {
  readonly #interest: Interest;
  readonly #clock: MonotonicClock;
  readonly #questions: TokenBucket;
  /** The one that was called longest ago comes first. */
  readonly #followed: Set<string>;
  /** Those that are too many at once. */
  readonly #waiting = new Set<string>();
  #timer: Timer | undefined;

  /** @param known those of the last run, which were answered */
  constructor(interest: Interest, clock: MonotonicClock, known: Iterable<string>) {
    this.#interest = interest;
    this.#clock = clock;
    this.#questions = new TokenBucket(clock, QUESTION_RATE);
    this.#followed = new Set(known);
    interest.set('addresses', [...this.#followed].map(addressScope));
  }

  /** The application calls it now. */
  follow(address: string): void {
    if (this.#followed.delete(address)) {
      this.#followed.add(address);
    } else if (this.#waiting.size === 0 && this.#questions.take()) {
      this.#add(address);
    } else if (this.#waiting.size < MAX_WAITING) {
      this.#waiting.add(address);
      this.#timer ??= this.#clock.after(this.#questions.retryAfterMs, this.#askAboutWaiting);
    }
  }

  close(): void {
    this.#timer?.cancel();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #askAboutWaiting = (): void => {
    this.#timer = undefined;
    for (const address of this.#waiting) {
      if (!this.#questions.take()) {
        this.#timer = this.#clock.after(this.#questions.retryAfterMs, this.#askAboutWaiting);
        return;
      }
      this.#waiting.delete(address);
      this.#add(address);
    }
  };

  #add(address: string): void {
    this.#followed.add(address);
    if (this.#followed.size <= MAX_FOLLOWED) {
      this.#interest.add('addresses', addressScope(address));
      return;
    }
    for (const oldest of Iterator.from(this.#followed).take(GIVEN_UP)) {
      this.#followed.delete(oldest);
    }
    this.#interest.set('addresses', [...this.#followed].map(addressScope));
  }
}

/** The addresses among scopes. */
export function addressesAmong(scopes: Iterable<string>): string[] {
  return [...scopes].flatMap((scope) => addressOf(scope) ?? []);
}
