/** Gives what malloc keeps of freed memory back to the system, of all of its arenas. */
export type TrimMalloc = () => void;

/**
 * Finds `malloc_trim` (malloc_trim(3)) in the C library that Node.js is linked with.
 *
 * @returns undefined with another C library than glibc, and where Node.js was built without FFI
 */
export function findTrimMalloc(): TrimMalloc | undefined {
  try {
    const { functions } = process.getBuiltinModule('node:ffi').dlopen(null, {
      malloc_trim: { return: 'int32', arguments: ['uint64'] },
    });
    return () => void functions.malloc_trim(0n);
  } catch {
    return undefined;
  }
}
