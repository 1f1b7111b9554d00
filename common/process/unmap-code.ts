import { readFileSync, realpathSync } from 'node:fs';

/** Takes the code of this program, which is a part of its file, out of the memory of this process. */
export type UnmapCode = () => void;

/** A part of the address space. */
export interface Mapping {
  readonly start: bigint;
  readonly bytes: bigint;
}

/**
 * Where a file is mapped as code, in /proc/PID/maps (proc_pid_maps(5)). Such pages are never written: what is read again
 * is what was there.
 */
export function codeMappings(maps: string, file: string): Mapping[] {
  const mappings: Mapping[] = [];
  for (const line of maps.split('\n')) {
    const [, from, to, path] = /^([\da-f]+)-([\da-f]+) r-xp \S+ \S+ \S+ +(.+)$/.exec(line) ?? [];
    if (from === undefined || to === undefined || path !== file) continue;
    const start = BigInt(`0x${from}`);
    mappings.push({ start, bytes: BigInt(`0x${to}`) - start });
  }
  return mappings;
}

/** madvise(2): what is needed again is mapped again, out of the page cache. */
const MADV_DONTNEED = 4;

/**
 * Finds how to unmap the code of this program. Some 17 MB of what a start runs of Node.js never run again, and stay mapped
 * for as long as the machine has memory; the kernel takes pages that no process has mapped first.
 *
 * @returns undefined where there is no /proc, or Node.js was built without FFI
 */
export function findUnmapCode(): UnmapCode | undefined {
  try {
    const file = realpathSync(process.execPath);
    const readMaps = (): string => readFileSync('/proc/self/maps', 'latin1');
    // Throws where there is no /proc.
    readMaps();
    const { functions } = process.getBuiltinModule('node:ffi').dlopen(null, {
      madvise: { return: 'int32', arguments: ['uint64', 'uint64', 'int32'] },
    });
    return () => {
      // As they are now: V8 puts code of its own between these pages, which could not be read again.
      for (const { start, bytes } of mappingsNow(readMaps, file)) {
        functions.madvise(start, bytes, MADV_DONTNEED);
      }
    };
  } catch {
    return undefined;
  }
}

/** None where they cannot be read, as without a descriptor left: the code stays where it is. */
function mappingsNow(readMaps: () => string, file: string): readonly Mapping[] {
  try {
    return codeMappings(readMaps(), file);
  } catch {
    return [];
  }
}
