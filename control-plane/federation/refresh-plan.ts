/** What is assumed of an endpoint that does not say; SPIRE does the same. */
const DEFAULT_HINT_SECONDS = 300;

/** A shorter interval would let every follower ask all the time. */
const MIN_HINT_SECONDS = 10;

/** A root that is dropped because it was stolen must not be trusted for longer. */
const MAX_HINT_SECONDS = 24 * 60 * 60;

/** So many tries fit into the time until the next bundle is due. */
const TRIES = 4;

/**
 * When to look at an endpoint again: after the time that it hints at (SPIFFE Trust Domain and Bundle,
 * section 4.1.2), within bounds, and several times as often while it fails.
 */
export function nextRefreshMs(hintSeconds: number | undefined, failed: boolean): number {
  const wanted =
    hintSeconds === undefined || hintSeconds === 0 ? DEFAULT_HINT_SECONDS : hintSeconds;
  const seconds = Math.min(Math.max(wanted, MIN_HINT_SECONDS), MAX_HINT_SECONDS);
  if (!failed) return seconds * 1000;
  return (Math.min(seconds, DEFAULT_HINT_SECONDS) / TRIES) * 1000;
}
