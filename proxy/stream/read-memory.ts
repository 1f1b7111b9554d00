/**
 * What may be read into memory of its own before the young generation is collected. The size at which
 * V8 begins to collect everything, because so much waits outside of its heap, is 64 MiB.
 */
const COLLECT_AFTER_BYTES = 32 * 1024 * 1024;

type Collect = (options: { readonly type: 'minor'; readonly execution: 'sync' }) => void;

/** There with `--expose-gc`, which cli/hauberk gives to sidecars. */
const collect = (globalThis as { readonly gc?: Collect }).gc;

let readBytes = 0;

/**
 * Counts bytes of memory that reads were made into. Node.js makes a buffer of each read, which is
 * garbage a moment later and lies outside of the heap: its pointer is so small, beside its size, that
 * the young generation never fills, and V8 collects everything instead, again and again (a third of
 * the CPU of a bulk transfer). A collection of the young generation in time costs half a millisecond.
 */
export function countRead(bytes: number): void {
  readBytes += bytes;
  if (readBytes < COLLECT_AFTER_BYTES) return;
  readBytes = 0;
  collect?.({ type: 'minor', execution: 'sync' });
}
