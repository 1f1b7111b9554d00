/** Longer than any proxy thinks about an answer; where this passes something hangs. */
const SILENCE_MS = 3_000;
const LOOKS = 30;

/** Watches for a peer that says nothing any more. */
export interface Silence {
  /** Something came. */
  broken(): void;
  /** Stops watching. */
  close(): void;
}

/**
 * Calls back when nothing has come for a long time. What counts is time in which this process ran and could have read: on a busy machine
 * it may stand still for seconds, and finds what came only after its timers.
 */
export function watchSilence(fell: () => void): Silence {
  let looks = 0;
  const timer = setInterval(() => {
    looks += 1;
    if (looks === LOOKS) fell();
  }, SILENCE_MS / LOOKS);
  return { broken: () => (looks = 0), close: () => clearInterval(timer) };
}
