import type { Socket } from 'node:net';

/** `int getsockopt(int fd, int level, int name, void *value, socklen_t *length)` */
export type Getsockopt = (
  fd: number,
  level: number,
  name: number,
  value: Buffer,
  length: Buffer,
) => number;

/**
 * Finds the function in the C library that Node.js is linked with. Its arguments are of Linux.
 *
 * Rejects where Node.js was built without FFI.
 */
export async function loadGetsockopt(): Promise<Getsockopt> {
  const ffi = await import('node:ffi');
  const { functions } = ffi.dlopen(null, {
    getsockopt: { return: 'int32', arguments: ['int32', 'int32', 'int32', 'buffer', 'buffer'] },
  });
  return functions.getsockopt;
}

/** Node.js tells the descriptor of a socket on its handle only. */
export function descriptorOf(socket: Socket): number | undefined {
  const handle = '_handle' in socket ? socket._handle : undefined;
  if (typeof handle !== 'object' || handle === null || !('fd' in handle)) return undefined;
  return typeof handle.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
