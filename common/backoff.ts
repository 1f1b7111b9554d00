/** The bounds of a retry schedule. */
export interface BackoffBounds {
  /** Upper bound of the first delay. */
  readonly baseMs: number;
  /** Upper bound of every delay. */
  readonly capMs: number;
}

/**
 * The delay before a retry: exponential backoff with full jitter, so that many sidecars that lost
 * the same control plane do not come back at the same instant.
 *
 * @param attempt how many tries have failed, from 1
 * @param random a number in [0, 1)
 * @returns milliseconds in [0, min(cap, base * 2^(attempt - 1)))
 */
export function fullJitterMs(
  attempt: number,
  { baseMs, capMs }: BackoffBounds,
  random: () => number = Math.random,
): number {
  const ceilingMs = Math.min(capMs, baseMs * 2 ** Math.max(attempt - 1, 0));
  return random() * ceilingMs;
}
