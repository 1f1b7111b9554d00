import type net from 'node:net';

/**
 * What one read takes. All connections of the process share the buffer, because a read is handled
 * before the next one: that saves an allocation for each read, what collecting it costs, and half of
 * the reads of a bulk transfer.
 */
const BUFFER = Buffer.allocUnsafeSlow(128 * 1024);

/** What Node.js reads into from a socket without a shared buffer. */
const READ_BYTES = 64 * 1024;

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
          socket.resume();
        });
      },
    }),
  };
}

/** Reads a socket that was connected without `sharedRead`. */
export function readerOf<S extends net.Socket>(socket: S): SocketReader<S> {
  let receiver: ReadReceiver | undefined;
  // However little came from a system call: its size says nothing about the memory that V8 believes it to hold.
  const readBytes = 'encrypted' in socket ? undefined : READ_BYTES;
  const onData = (chunk: Buffer): void => {
    countRead(readBytes ?? chunk.length);
    receiver?.(chunk);
  };
  return {
    socket,
    isShared: false,
    readInto(next) {
      if (receiver === undefined && next !== undefined) socket.on('data', onData);
      else if (next === undefined) socket.off('data', onData);
      receiver = next;
    },
  };
}

/**
 * What may be read into memory of its own before the young generation is collected. The size at which
 * V8 begins to collect everything, because so much waits outside of its heap, is 64 MiB.
 */
const COLLECT_AFTER_BYTES = 32 * 1024 * 1024;

type Collect = (options: { readonly type: 'minor'; readonly execution: 'sync' }) => void;

/** There with `--expose-gc`, which cli/hauberk gives to sidecars. */
const collect = (globalThis as { readonly gc?: Collect }).gc;

let readBytes = 0;

/**
 * Counts bytes of memory that reads were made into. Node.js makes a buffer of each read, which is
 * garbage a moment later and lies outside of the heap: its pointer is so small, beside its size, that
 * the young generation never fills, and V8 collects everything instead, again and again (a third of
 * the CPU of a bulk transfer). A collection of the young generation in time costs half a millisecond.
 */
function countRead(bytes: number): void {
  readBytes += bytes;
  if (readBytes < COLLECT_AFTER_BYTES) return;
  readBytes = 0;
  collect?.({ type: 'minor', execution: 'sync' });
}
