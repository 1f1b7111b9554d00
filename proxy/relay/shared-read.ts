import net from 'node:net';

/**
 * What one read takes. All connections of the process share the buffer, because a read is handled
 * before the next one: that saves an allocation of 64 KiB per read, and halves the reads of a bulk
 * transfer.
 */
const BUFFER = Buffer.allocUnsafeSlow(128 * 1024);

type Receiver = (chunk: Buffer) => void;

/** Whose bytes go where: an object for each socket, so that a read looks nothing up. */
const readers = new WeakMap<net.Socket, { receive: Receiver | undefined }>();

/**
 * Connects as `net.connect` does, and reads into the shared buffer: the socket emits no 'data', its
 * bytes go to whom `readInto` names. It comes paused.
 */
export function connectWithSharedRead(options: net.TcpNetConnectOpts): net.Socket {
  const reader: { receive: Receiver | undefined } = { receive: undefined };
  const socket = net.connect({
    ...options,
    onread: {
      buffer: BUFFER,
      callback(bytes) {
        reader.receive?.(BUFFER.subarray(0, bytes));
        return true;
      },
    },
  });
  readers.set(socket, reader);
  socket.pause();
  return socket;
}

/** True when the bytes of the socket are in the shared buffer: valid during the receiver's call only. */
export function hasSharedRead(socket: net.Socket): boolean {
  return readers.has(socket);
}

/** Has the bytes of a socket go to a receiver, or to nobody any more. Reading begins with `resume`. */
export function readInto(socket: net.Socket, receiver: Receiver | undefined): void {
  const reader = readers.get(socket);
  if (reader !== undefined) reader.receive = receiver;
  else if (receiver !== undefined) socket.on('data', receiver);
}
