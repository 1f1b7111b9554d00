import { flushCompileCache } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import type { MonotonicClock } from './clock.ts';
import type { Closeable } from './lifecycle.ts';

/** What a process settles with. */
export interface SettleOptions {
  readonly clock: MonotonicClock;
  /** What has been done so far: as long as it changes, the process is not disturbed. */
  readonly done: () => unknown;
  /** Gives back memory; by default what starting took. */
  readonly release?: () => void;
}

/** The pause that a collection makes, of some 50 ms, does no harm where nothing was done for so long. */
const QUIET_MS = 500;

/**
 * Gives memory back to the system, once, in the first half second after the start in which nothing was done.
 * Loading makes much garbage, and a young generation of 16 MiB, which V8 would shrink only when it collects
 * everything: in a process that does little it never does.
 */
export function settleWhenQuiet(options: SettleOptions): Closeable {
  const { clock, done, release = releaseMemory } = options;
  const look = (before: unknown): void => {
    timer = clock.after(QUIET_MS, () => {
      const now = done();
      if (isDeepStrictEqual(now, before)) release();
      else look(now);
    });
  };
  let timer = clock.after(0, () => look(done()));
  return { close: () => timer.cancel() };
}

/** `gc` is there with `--expose-gc`, which cli/hauberk gives. */
function releaseMemory(): void {
  // Writes what was compiled, for the next start even if this process is killed, and releases it.
  flushCompileCache();
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
