import { Listeners } from './listeners.ts';

/** A timer that was started; cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/** A moment of the wall clock: milliseconds since the epoch. For dates; the difference of two is no duration. */
export type EpochMs = number & { readonly [unit]: 'wall clock' };

/** A moment of the monotonic clock: milliseconds since some start. Means nothing outside of this process. */
export type MonotonicMs = number & { readonly [unit]: 'monotonic clock' };

declare const unit: unique symbol;

/** The moment so much later, or earlier, on the same clock. */
export function plusMs<M extends EpochMs | MonotonicMs>(moment: M, durationMs: number): M {
  return (moment + durationMs) as M;
}

/** Tells the date. It may jump at any time, either way: nothing that waits or ages may ask it. */
export interface WallClock {
  epochMs(): EpochMs;
  /**
   * Calls back soon after the wall clock was set, and after the machine was suspended, until it is cancelled:
   * the moment to look at a date again that is being waited for.
   */
  onStep(listener: () => void): Timer;
}

/** Measures durations: it never jumps, and stops while the machine is suspended. */
export interface MonotonicClock {
  monotonicMs(): MonotonicMs;
  /**
   * Runs the callback once, after the delay, however long. A pending timer does not keep the process
   * alive. A promise that the callback returns is for the guard (`guardedClock`).
   */
  after(delayMs: number, callback: () => unknown): Timer;
}

/** The only way to time in this code base, so that tests can own it. */
export interface Clock extends WallClock, MonotonicClock {}

/** A machine that wakes up, or whose clock was set, is noticed within this time. */
const LOOK_INTERVAL_MS = 1_000;

/**
 * Smaller steps are left to be: clocks that are steered by NTP drift by half a millisecond a second, and
 * nothing that is waited for matters by less than this. Several small ones add up.
 */
const SMALLEST_STEP_MS = 250;

/** What the watch compares. */
export type ComparedClocks = Pick<WallClock, 'epochMs'> &
  Pick<MonotonicClock, 'monotonicMs' | 'after'>;

/**
 * Notices that the wall clock has moved against the monotonic one: it was set, or the machine was
 * suspended. Looks while it has listeners, with one timer for all of them.
 */
export function createStepWatch(clock: ComparedClocks): WallClock['onStep'] {
  const listeners = new Listeners();
  const offset = (): number => clock.epochMs() - clock.monotonicMs();
  let knownMs = 0;
  let timer: Timer | undefined;
  const look = (): void => {
    timer = clock.after(LOOK_INTERVAL_MS, look);
    const offsetMs = offset();
    if (Math.abs(offsetMs - knownMs) < SMALLEST_STEP_MS) return;
    knownMs = offsetMs;
    listeners.tell();
  };
  return (listener) => {
    const remove = listeners.add(listener);
    if (timer === undefined) {
      knownMs = offset();
      timer = clock.after(LOOK_INTERVAL_MS, look);
    }
    return {
      cancel() {
        remove();
        if (listeners.size > 0) return;
        timer?.cancel();
        timer = undefined;
      },
    };
  };
}

/** The longest delay that a Node.js timer takes; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

const machine: ComparedClocks = {
  epochMs: () => Date.now() as EpochMs,
  monotonicMs: () => performance.now() as MonotonicMs,
  after(delayMs, callback) {
    let leftMs = delayMs;
    let timeout: NodeJS.Timeout;
    const wait = (): void => {
      const partMs = Math.min(Math.max(leftMs, 0), MAX_DELAY_MS);
      leftMs -= partMs;
      timeout = setTimeout(() => void (leftMs > 0 ? wait() : callback()), partMs);
      timeout.unref();
    };
    wait();
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** The machine's clock. */
export const systemClock: Clock = { ...machine, onStep: createStepWatch(machine) };

/** Waits for the delay; rejects with the signal's reason when it is aborted first. */
export async function sleep(
  clock: MonotonicClock,
  delayMs: number,
  signal?: AbortSignal,
): Promise<void> {
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
