/** A timer that was started; cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/** A moment of the wall clock: milliseconds since the epoch. For dates; the difference of two is no duration. */
export type EpochMs = number & { readonly [unit]: 'wall clock' };

/** A moment of the monotonic clock: milliseconds since some start. Means nothing outside of this process. */
export type MonotonicMs = number & { readonly [unit]: 'monotonic clock' };

declare const unit: unique symbol;

/** Tells the date. It may jump at any time, either way: nothing that waits or ages may ask it. */
export interface WallClock {
  epochMs(): EpochMs;
}

/** Measures durations: it never jumps, and stands still while the machine is suspended. */
export interface MonotonicClock {
  monotonicMs(): MonotonicMs;
  /** Runs the callback once, after the delay. A pending timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
}

/** The only way to time in this code base, so that tests can own it. */
export interface Clock extends WallClock, MonotonicClock {}

/** The longest delay that a Node.js timer takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  epochMs: () => Date.now() as EpochMs,
  monotonicMs: () => performance.now() as MonotonicMs,
  after(delayMs, callback) {
    const timeout = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Waits for the delay; rejects with the signal's reason when it is aborted first. */
export async function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = clock.after(delayMs, resolve);
  const onAbort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await promise;
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
