import type { MonotonicMs } from '../../../common/clock.ts';
import type { DeadlineQueue, Deadlines, Expiring } from './deadlines.ts';

/** What has one deadline at a time, each with a length of its own. */
export interface DeadlineOwner {
  /** What was waited for has not come in time. It is not waited for any more. */
  expired(): void;
}

/** The one deadline that a request has at a time: for what is to come next, or for anything to move. */
export class RequestDeadline implements Expiring {
  readonly startedMs: MonotonicMs;
  sinceMs: MonotonicMs;
  queuePlace = -1;
  readonly #deadlines: Deadlines;
  readonly #owner: DeadlineOwner;
  #queue: DeadlineQueue | undefined;
  /** Whatever moves puts it off. */
  #isIdle = false;

  constructor(deadlines: Deadlines, owner: DeadlineOwner) {
    this.#deadlines = deadlines;
    this.#owner = owner;
    this.startedMs = deadlines.nowMs();
    this.sinceMs = this.startedMs;
  }

  nowMs(): MonotonicMs {
    return this.#deadlines.nowMs();
  }

  /** Something has to happen within so long from now, in place of what was waited for; 0 is for ever. */
  wait(lengthMs: number): void {
    this.#isIdle = false;
    this.#begin(lengthMs);
  }

  /** From now on something has to move within so long, again and again. */
  watchIdle(lengthMs: number): void {
    this.#isIdle = true;
    this.#begin(lengthMs);
  }

  /** Something has moved. */
  moved(): void {
    if (this.#isIdle) this.sinceMs = this.#deadlines.nowMs();
  }

  cancel(): void {
    this.#queue?.delete(this);
    this.#queue = undefined;
  }

  expired(): void {
    this.#queue = undefined;
    this.#owner.expired();
  }

  #begin(lengthMs: number): void {
    this.#queue?.delete(this);
    this.#queue = this.#deadlines.of(lengthMs);
    this.#queue?.add(this);
  }
}
