import net from 'node:net';

/**
 * What one read takes. All connections of the process share the buffer, because a read is handled
 * before the next one: that saves an allocation of 64 KiB per read, and halves the reads of a bulk
 * transfer.
 */
const BUFFER = Buffer.allocUnsafeSlow(128 * 1024);

const receivers = new WeakMap<net.Socket, ((chunk: Buffer) => void) | undefined>();

/**
 * Connects as `net.connect` does, and reads into the shared buffer: the socket emits no 'data', its
 * bytes go to whom `readInto` names. It comes paused.
 */
export function connectWithSharedRead(options: net.TcpNetConnectOpts): net.Socket {
  const socket = net.connect({
    ...options,
    onread: {
      buffer: BUFFER,
      callback(bytes) {
        receivers.get(socket)?.(BUFFER.subarray(0, bytes));
        return true;
      },
    },
  });
  receivers.set(socket, undefined);
  socket.pause();
  return socket;
}

/** True when the bytes of the socket are in the shared buffer: valid during the receiver's call only. */
export function hasSharedRead(socket: net.Socket): boolean {
  return receivers.has(socket);
}

/** Has the bytes of a socket go to a receiver, or to nobody any more. Reading begins with `resume`. */
export function readInto(
  socket: net.Socket,
  receiver: ((chunk: Buffer) => void) | undefined,
): void {
  if (hasSharedRead(socket)) receivers.set(socket, receiver);
  else if (receiver !== undefined) socket.on('data', receiver);
}
