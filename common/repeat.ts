import type { MonotonicClock, Timer } from './clock.ts';
import type { Closeable } from './lifecycle.ts';

/** Work that is done again and again. */
export interface Repeated extends Closeable {
  /** No more of it. */
  stop(): void;
  /** The same; resolves when what is under way has ended. */
  close(): Promise<void>;
}

/**
 * Does the work after each pause, the first time after one; a pause may differ from the one before. It begins when the work has ended, however it has:
 * what it throws is for the guard of the clock, and the next run still comes.
 */
export function repeat(
  clock: MonotonicClock,
  pauseMs: number | (() => number),
  work: () => void | Promise<void>,
): Repeated {
  let closed = false;
  let running: Promise<void> = Promise.resolve();
  let timer: Timer;
  const run = async (): Promise<void> => {
    try {
      await work();
    } finally {
      if (!closed) schedule();
    }
  };
  const schedule = (): void => {
    timer = clock.after(typeof pauseMs === 'number' ? pauseMs : pauseMs(), () => {
      running = run();
      return running;
    });
  };
  schedule();
  const stop = (): void => {
    closed = true;
    timer.cancel();
  };
  return {
    stop,
    async close() {
      stop();
      // The guard has told of it.
      await Promise.allSettled([running]);
    },
  };
}

/**
 * Pauses of which the first is a part only, from 0 to 1 of it: thousands that begin at one moment must not go on at one.
 */
export function staggered(pauseMs: () => number, random: () => number): () => number {
  let part = random();
  return () => {
    const ms = Math.round(pauseMs() * part);
    part = 1;
    return ms;
  };
}
