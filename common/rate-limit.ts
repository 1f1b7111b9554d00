import type { Clock } from './clock.ts';

/** Lets so many through in each interval; false for the others. */
export function createRateLimit(
  clock: Clock,
  { count, intervalMs }: { readonly count: number; readonly intervalMs: number },
): () => boolean {
  let startMs = -Infinity;
  let used = 0;
  return () => {
    const nowMs = clock.now();
    // A clock that was set back must not close the gate.
    if (nowMs - startMs >= intervalMs || nowMs < startMs) {
      startMs = nowMs;
      used = 0;
    }
    used += 1;
    return used <= count;
  };
}
