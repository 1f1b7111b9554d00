/** Holds what a connection sends in a turn of the event loop that carries small messages. */
export const SMALL_BYTES = 16 * 1024;

/** Holds what a busy turn sends: the high water of the outbox, and control frames. */
export const LARGE_BYTES = 512 * 1024;

/**
 * So many are kept for the next turn, by all connections of the process together: 4 MiB of small ones, as many as
 * clients often are, and 8 MiB of large ones. Memory that comes new for every write costs more than the write.
 */
const MAX_IDLE_SMALL = 256;
const MAX_IDLE_LARGE = 16;

/** A connection that sends nothing holds none, so that thousands of idle ones cost nothing. */
const idleSmall: ArrayBufferLike[] = [];
const idleLarge: ArrayBufferLike[] = [];

/** Memory for so many bytes, or more. */
export function takeMemory(bytes: number): Buffer {
  if (bytes > LARGE_BYTES) return Buffer.allocUnsafeSlow(Math.max(2 * LARGE_BYTES, 2 * bytes));
  const isSmall = bytes <= SMALL_BYTES;
  const idle = (isSmall ? idleSmall : idleLarge).pop();
  if (idle !== undefined) return Buffer.from(idle);
  return Buffer.allocUnsafeSlow(isSmall ? SMALL_BYTES : LARGE_BYTES);
}

/** Gives memory back, as a whole or a part that begins where it does. The caller may not use it after this. */
export function giveBackMemory({ buffer }: Buffer): void {
  const { byteLength } = buffer;
  if (byteLength === SMALL_BYTES && idleSmall.length < MAX_IDLE_SMALL) idleSmall.push(buffer);
  if (byteLength === LARGE_BYTES && idleLarge.length < MAX_IDLE_LARGE) idleLarge.push(buffer);
}
