import net from 'node:net';

/** The part of a socket that is written in C++. */
interface Handle {
  readonly useUserBuffer?: (buffer: Uint8Array) => void;
}

/** Where a socket of Node.js keeps what it was given as `onread`. */
interface Fields {
  readonly buffer: symbol;
  readonly callback: symbol;
}

/** Found in a socket that was given some: their names are Node.js's own business. */
const FIELDS = findFields();

/**
 * Has a socket read into a buffer from now on, as `onread` of `net.connect` does, which `net.createServer` has not.
 * Without it Node.js allocates 64 KiB for each read: that is garbage a moment later, and its collection takes a tenth
 * of the CPU of a small request.
 *
 * @returns false where this Node.js, or this kind of socket, cannot: it goes on with 'data'
 */
export function useBuffer(socket: net.Socket, { buffer, callback }: net.OnReadOpts): boolean {
  const handle = (socket as { readonly _handle?: Handle | null })._handle;
  if (FIELDS === undefined || !(buffer instanceof Uint8Array)) return false;
  if (typeof handle?.useUserBuffer !== 'function') return false;
  Object.assign(socket, { [FIELDS.buffer]: buffer, [FIELDS.callback]: callback });
  handle.useUserBuffer(buffer);
  return true;
}

function findFields(): Fields | undefined {
  const onread = { buffer: Buffer.alloc(1), callback: () => true };
  const probe: unknown = new net.Socket({ onread });
  const values = probe as Readonly<Record<symbol, unknown>>;
  const symbols = Object.getOwnPropertySymbols(probe);
  const buffer = symbols.find((symbol) => values[symbol] === onread.buffer);
  const callback = symbols.find((symbol) => values[symbol] === onread.callback);
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}
