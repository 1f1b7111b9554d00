import type { Clock, EpochMs, MonotonicMs, Timer } from '../../common/clock.ts';

/** A clock that stands still until the test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on, running each timer that falls due, in order, with promises settled in between. */
  advance(ms: number): Promise<void>;
  /**
   * Sets the wall clock forward or back, as NTP or an operator does; monotonic time does not notice. A machine
   * that was suspended looks like one whose clock was set forward.
   */
  step(ms: number): void;
  /** Moments of the monotonic clock at which timers will run. */
  readonly pending: readonly number[];
}

/** As of a process that has run for a second. */
const MONOTONIC_START_MS = 1_000;

/** Creates a clock that starts at the given moment. */
export function createManualClock(startMs = Date.UTC(2030, 0, 1)): ManualClock {
  // Another origin than the epoch, so that a mix-up of the two shows.
  let nowMs = MONOTONIC_START_MS;
  let steppedMs = 0;
  const listeners = new Set<{ listener: () => void }>();
  const timers = new Set<{ atMs: number; callback: () => void }>();
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    epochMs: () => (startMs + nowMs - MONOTONIC_START_MS + steppedMs) as EpochMs,
    monotonicMs: () => nowMs as MonotonicMs,
    step(ms: number): void {
      steppedMs += ms;
      for (const entry of Array.from(listeners)) if (listeners.has(entry)) entry.listener();
    },
    onStep(listener: () => void): Timer {
      const entry = { listener };
      listeners.add(entry);
      return { cancel: () => void listeners.delete(entry) };
    },
    after(delayMs: number, callback: () => void): Timer {
      const timer = { atMs: nowMs + Math.max(delayMs, 0), callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    async advance(ms: number): Promise<void> {
      const targetMs = nowMs + ms;
      await settle();
      for (;;) {
        const due = [...timers].filter((timer) => timer.atMs <= targetMs);
        const next = due.sort((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined) break;
        timers.delete(next);
        nowMs = next.atMs;
        next.callback();
        await settle();
      }
      nowMs = targetMs;
    },
    get pending(): readonly number[] {
      return [...timers].map((timer) => timer.atMs).sort((a, b) => a - b);
    },
  };
}
