import type net from 'node:net';
import { useBuffer } from './use-buffer.ts';

/**
 * What one read takes. All connections of the process share the buffer, because a read is handled
 * before the next one: that saves an allocation for each read, what collecting it costs, and half of
 * the reads of a bulk transfer.
 */
const BUFFER = Buffer.allocUnsafeSlow(128 * 1024);

/** Takes bytes. */
export type ReadReceiver = (chunk: Buffer) => void;

/** Reads a socket: the one place where its bytes come out. */
export interface SocketReader<S extends net.Socket = net.Socket> {
  readonly socket: S;
  /** True when chunks are in memory that the next read needs: valid during the receiver's call only. */
  readonly isShared: boolean;
  /**
   * Has the bytes go to a receiver, or nowhere any more. The first come after this has returned. Reading
   * begins with `resume`, unless it has begun.
   */
  readInto(receiver: ReadReceiver | undefined): void;
}

/** What a socket is connected with that reads into the shared buffer. */
export interface SharedRead {
  /** For `net.connect` or `tls.connect`; the socket emits no 'data'. */
  readonly onread: net.OnReadOpts;
  /** Reads the socket that was connected with that. */
  of<S extends net.Socket>(socket: S): SocketReader<S>;
}

/** For one socket that is about to be connected. */
export function sharedRead(): SharedRead {
  let receiver: ReadReceiver | undefined;
  /** Came before there was a receiver. */
  let early: Buffer[] = [];
  const callback = (bytes: number): boolean => {
    const chunk = BUFFER.subarray(0, bytes);
    if (receiver === undefined || early.length > 0) {
      early.push(Buffer.from(chunk));
      // Reads no more until there is a receiver.
      return false;
    }
    receiver(chunk);
    return true;
  };
  return {
    onread: { buffer: BUFFER, callback },
    of: (socket) => ({
      socket,
      isShared: true,
      readInto(next) {
        receiver = next;
        if (next === undefined || early.length === 0) return;
        process.nextTick(() => {
          const chunks = early;
          early = [];
          for (const chunk of chunks) receiver?.(chunk);
          // The receiver may have had enough.
          if (!socket.isPaused()) socket.resume();
        });
      },
    }),
  };
}

/** Reads a socket that was connected or accepted without `sharedRead`, into the shared buffer as well. */
export function readerOf<S extends net.Socket>(socket: S): SocketReader<S> {
  let receiver: ReadReceiver | undefined;
  let shared: SocketReader<S> | undefined;
  const onData = (chunk: Buffer): void => {
    receiver?.(chunk);
    share();
  };
  /** What Node.js has read already comes out as 'data'; as soon as that is over, it goes on with the buffer. */
  const share = (): void => {
    if (shared !== undefined || receiver === undefined || hasRead(socket)) return;
    const read = sharedRead();
    if (!useBuffer(socket, read.onread)) return;
    socket.off('data', onData);
    shared = read.of(socket);
    shared.readInto(receiver);
  };
  return {
    socket,
    get isShared() {
      return shared !== undefined;
    },
    readInto(next) {
      if (shared !== undefined) return shared.readInto(next);
      if (receiver === undefined && next !== undefined) socket.on('data', onData);
      else if (next === undefined) socket.off('data', onData);
      receiver = next;
      share();
    },
  };
}

/** True while bytes, or the end, wait in the socket to be handed out. */
function hasRead(socket: net.Socket): boolean {
  return socket.readableLength > 0 || socket.readableEnded || socket.destroyed;
}
