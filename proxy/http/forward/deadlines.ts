import type { MonotonicClock, MonotonicMs } from '../../../common/clock.ts';

/** What has a deadline. It waits in one queue at a time. */
export interface Expiring {
  /** Since when nothing has happened of what is waited for. It may move on while it waits. */
  sinceMs: MonotonicMs;
  /** Where it stands in its queue, which keeps it; -1 while it waits in none. */
  queuePlace: number;
  /** Nothing has happened for that long. It does not wait any more. */
  expired(): void;
}

/**
 * Deadlines of one length, with one timer for all of them: a timer for each request would be a cost that every
 * request has, for what hardly any needs.
 *
 * They stand in an array. A Set that is filled and emptied all the time is made new each time, and V8 has each
 * refer to the next: as soon as one of them is old, all later ones grow old with it, and the requests in them.
 */
export class DeadlineQueue {
  readonly #clock: MonotonicClock;
  readonly #lengthMs: number;
  readonly #waiting: Expiring[] = [];
  #isWatching = false;

  constructor(clock: MonotonicClock, lengthMs: number) {
    this.#clock = clock;
    this.#lengthMs = lengthMs;
  }

  /** Begins to wait. */
  add(expiring: Expiring): void {
    expiring.sinceMs = this.#clock.monotonicMs();
    if (this.#waiting[expiring.queuePlace] !== expiring) {
      expiring.queuePlace = this.#waiting.push(expiring) - 1;
    }
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#clock.after(this.#lengthMs, this.#onTimer);
  }

  /** Waits no more, if it waits here. */
  delete(expiring: Expiring): void {
    const place = expiring.queuePlace;
    const last = this.#waiting.at(-1);
    if (this.#waiting[place] !== expiring || last === undefined) return;
    // The last one takes its place: the order does not matter.
    this.#waiting[place] = last;
    last.queuePlace = place;
    expiring.queuePlace = -1;
    this.#waiting.pop();
  }

  readonly #onTimer = (): void => {
    const nowMs = this.#clock.monotonicMs();
    let nextMs = Infinity;
    const late: Expiring[] = [];
    for (const expiring of this.#waiting) {
      const leftMs = expiring.sinceMs + this.#lengthMs - nowMs;
      if (leftMs <= 0) late.push(expiring);
      else nextMs = Math.min(nextMs, leftMs);
    }
    for (const expiring of late) this.delete(expiring);
    this.#isWatching = nextMs < Infinity;
    if (this.#isWatching) this.#clock.after(nextMs, this.#onTimer);
    for (const expiring of late) expiring.expired();
  };
}

/** The queues of one place, by length. */
export class Deadlines {
  readonly #clock: MonotonicClock;
  readonly #queues = new Map<number, DeadlineQueue>();

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  nowMs(): MonotonicMs {
    return this.#clock.monotonicMs();
  }

  /** Undefined for 0, which is for ever. */
  of(lengthMs: number): DeadlineQueue | undefined {
    if (lengthMs === 0) return undefined;
    let queue = this.#queues.get(lengthMs);
    if (queue === undefined) {
      queue = new DeadlineQueue(this.#clock, lengthMs);
      this.#queues.set(lengthMs, queue);
    }
    return queue;
  }
}
