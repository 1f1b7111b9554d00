import type net from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * What one read takes. All connections of the process share the buffer, because a read is handled
 * before the next one: that saves an allocation for each read, what collecting it costs, and half of
 * the reads of a bulk transfer.
 */
const BUFFER = Buffer.allocUnsafeSlow(128 * 1024);

/** Takes bytes, which are valid during the call only. */
export type ReadReceiver = (chunk: Buffer) => void;

interface Reader {
  receive: ReadReceiver | undefined;
  /** Came before there was a receiver. */
  early: Buffer[];
}

/** Whose bytes go where: an object for each socket, so that a read looks nothing up. */
const readers = new WeakMap<Duplex, Reader>();

/**
 * Connects by `connect`, which must hand `onread` on to `net.connect` or `tls.connect`. The socket
 * emits no 'data': its bytes go to whom `readInto` names.
 */
export function connectWithSharedRead<S extends net.Socket>(
  connect: (onread: net.OnReadOpts) => S,
): S {
  const reader: Reader = { receive: undefined, early: [] };
  const socket = connect({
    buffer: BUFFER,
    callback(bytes) {
      const chunk = BUFFER.subarray(0, bytes);
      if (reader.receive === undefined || reader.early.length > 0) {
        reader.early.push(Buffer.from(chunk));
        // Reads no more until there is a receiver.
        return false;
      }
      reader.receive(chunk);
      return true;
    },
  });
  readers.set(socket, reader);
  return socket;
}

/** True when the bytes of the socket are in the shared buffer: valid during the receiver's call only. */
export function hasSharedRead(socket: Duplex): boolean {
  return readers.has(socket);
}

/**
 * Has the bytes of a socket go to a receiver, or nowhere any more. The first come after this has
 * returned. Reading begins with `resume`, unless it has begun.
 */
export function readInto(socket: Duplex, receiver: ReadReceiver | undefined): void {
  const reader = readers.get(socket);
  if (reader === undefined) {
    if (receiver !== undefined) socket.on('data', receiver);
    return;
  }
  reader.receive = receiver;
  if (receiver === undefined || reader.early.length === 0) return;
  process.nextTick(() => {
    const { early } = reader;
    reader.early = [];
    for (const chunk of early) reader.receive?.(chunk);
    socket.resume();
  });
}
