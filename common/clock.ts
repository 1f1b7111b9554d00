/** A timer that was started; cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/** The only way to time in this code base, so that tests can own it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs the callback once, after the delay. A pending timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
}

/** The longest delay that a Node.js timer takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
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
