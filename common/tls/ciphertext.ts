import type { TLSSocket } from 'node:tls';

/** How many bytes have come from the network. */
export interface Ciphertext {
  readonly bytesRead: number;
}

/**
 * The connection below a TLS socket that has dialled itself, for its count of bytes. Node.js keeps it to
 * itself: this is the one place that looks for it, and `test/common/tls/ciphertext.test.ts` holds that it is
 * there. Where it is not, undefined: the connection works, and its records are not watched.
 */
export function ciphertextOf(socket: TLSSocket): Ciphertext | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { _parent?: unknown } | null };
  const parent = handle?._parent;
  if (typeof parent !== 'object' || parent === null || !('bytesRead' in parent)) return undefined;
  return typeof parent.bytesRead === 'number' ? (parent as Ciphertext) : undefined;
}
