import type { MonotonicClock, Timer } from '../../../common/clock.ts';

/**
 * A deadline that is set and lifted again and again, mostly without touching a timer: one that is running is left
 * to, and looks when it fires whether the time has come.
 */
export class Deadline {
  readonly #clock: MonotonicClock;
  readonly #onDue: () => void;
  #dueMs = Infinity;
  #timer: Timer | undefined;
  #timerMs = Infinity;

  constructor(clock: MonotonicClock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Due so much later, whatever was set before. */
  set(delayMs: number): void {
    this.#dueMs = this.#clock.monotonicMs() + delayMs;
    if (this.#timerMs <= this.#dueMs) return;
    this.#timer?.cancel();
    this.#arm(delayMs);
  }

  /** Not due any more. */
  lift(): void {
    this.#dueMs = Infinity;
  }

  /** Never due any more. */
  cancel(): void {
    this.#dueMs = Infinity;
    this.#timerMs = Infinity;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timerMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = this.#clock.after(delayMs, this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#timerMs = Infinity;
    if (this.#dueMs === Infinity) return;
    const leftMs = this.#dueMs - this.#clock.monotonicMs();
    if (leftMs > 0) return this.#arm(leftMs);
    this.#dueMs = Infinity;
    this.#onDue();
  };
}
