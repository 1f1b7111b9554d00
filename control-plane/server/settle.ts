import { findTrimMalloc } from '../../common/process/malloc-trim.ts';
import { createRelease, settleWhenQuiet, type SettleOptions } from '../../common/process/settle.ts';
import type { Closeable } from '../../common/lifecycle.ts';

/**
 * With more on the heap a collection may come near to what a sidecar that has other control planes waits for the answer
 * to its PING, which is a second: then all of them would leave. One takes 0.08 s with 75 MiB.
 */
const MOST_HEAP_BYTES = 96 * 1024 * 1024;

/**
 * Gives back what the start took, and what sidecars that came at once have left, when the number of them has been the same
 * for 10 seconds. Above some 3,000 sidecars V8 collects by itself, and what malloc keeps is given back.
 */
export function settleControlPlane(
  options: Pick<SettleOptions, 'clock'> & { readonly connected: () => number },
): Closeable {
  const { clock, connected } = options;
  const release = createRelease(findTrimMalloc(), MOST_HEAP_BYTES);
  return settleWhenQuiet({ clock, done: connected, release });
}
