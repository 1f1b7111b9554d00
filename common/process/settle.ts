import { flushCompileCache } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import type { MonotonicClock } from '../clock.ts';
import type { Closeable } from '../lifecycle.ts';
import { findTrimMalloc, type TrimMalloc } from './malloc-trim.ts';
import { findUnmapCode, type UnmapCode } from './unmap-code.ts';

/** What a process settles with. */
export interface SettleOptions {
  readonly clock: MonotonicClock;
  /** What has been done so far: as long as it changes, the process is not disturbed. */
  readonly done: () => unknown;
  /** Gives back memory; by default what starting took, and what work has left. */
  readonly release?: () => void;
  /** What the process has of the machine's memory. */
  readonly residentBytes?: () => number;
}

/** The pause that a collection makes, of some 50 ms, does no harm where nothing was done for so long. */
const QUIET_MS = 500;

/** After work it has time: what is kept is there for the next burst. */
const QUIET_AFTER_WORK_MS = 10_000;

/** For less a collection does not pay. */
const WORTH_BYTES = 16 * 1024 * 1024;

/**
 * Gives memory back to the system: in the first half second after the start in which nothing was done, and from then
 * on after 10 seconds without work when the process has grown by 16 MiB since.
 *
 * Loading makes much garbage, and a young generation of 16 MiB, which V8 would shrink only when it collects everything.
 * In a process that does little, or nothing more after a burst, it never does.
 */
export function settleWhenQuiet(options: SettleOptions): Closeable {
  const { clock, done, release = createRelease() } = options;
  const { residentBytes = () => process.memoryUsage.rss() } = options;
  /** What had been done, and what the process had, after the last release. */
  let settled: { readonly done: unknown; readonly bytes: number } | undefined;
  const isWorthIt = (now: unknown): boolean => {
    if (settled === undefined) return true;
    if (isDeepStrictEqual(now, settled.done)) return false;
    return residentBytes() - settled.bytes >= WORTH_BYTES;
  };
  const look = (before: unknown): void => {
    timer = clock.after(settled === undefined ? QUIET_MS : QUIET_AFTER_WORK_MS, () => {
      const now = done();
      if (isDeepStrictEqual(now, before) && isWorthIt(now)) {
        release();
        settled = { done: now, bytes: residentBytes() };
      }
      look(now);
    });
  };
  let timer = clock.after(0, () => look(done()));
  return { close: () => timer.cancel() };
}

/**
 * A function that gives back what can be. Collections stop everything, and several of them take 0.4 s with 75 MiB on a machine that has
 * little else to do: with more than half of `mostHeapBytes` on the heap it is only one, and with more than that none. The first time it
 * is also what only the start needed: V8 keeps the code of a function that does not run for six major collections, and a quiet process
 * makes none. What the start ran of Node.js itself is unmapped.
 */
export function createRelease(
  trimMalloc: TrimMalloc | null | undefined = findTrimMalloc(),
  mostHeapBytes = Number.POSITIVE_INFINITY,
  unmapCode: UnmapCode | null | undefined = findUnmapCode(),
): () => void {
  let isFirst = true;
  return () => {
    const { heapUsed } = process.memoryUsage();
    if (heapUsed > mostHeapBytes) {
      trimMalloc?.();
      return;
    }
    // Writes what was compiled, for the next start even if this process is killed, and releases it.
    flushCompileCache();
    if (isFirst) setFlagsFromString(FORGET_UNUSED_CODE);
    collect(heapUsed > mostHeapBytes / 2 ? 'regular' : 'last-resort');
    if (isFirst) setFlagsFromString(KEEP_CODE);
    // What the heap referred to outside of it is free now, but still malloc's.
    trimMalloc?.();
    // What the collection ran is not needed either.
    if (isFirst) unmapCode?.();
    isFirst = false;
  };
}

/** Code that has not run since the last collection. */
const FORGET_UNUSED_CODE = '--bytecode-old-age=1';
/** V8's default. */
const KEEP_CODE = '--bytecode-old-age=6';

/** One collection, or as many as it takes until they find nothing more. `gc` is there with `--expose-gc`, which cli/hauberk gives. */
function collect(flavor: 'regular' | 'last-resort'): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor });
}
