import type net from 'node:net';
import { useBuffer } from './use-buffer.ts';

/**
 * What one read takes. All connections of the process share the buffer, because a read is handled
 * before the next one: that saves an allocation for each read, what collecting it costs, and half of
 * the reads of a bulk transfer.
 */
export const SHARED_READ_BUFFER = Buffer.allocUnsafeSlow(128 * 1024);

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
  return new BufferRead();
}

class BufferRead implements SharedRead {
  readonly onread: net.OnReadOpts;
  #receiver: ReadReceiver | undefined;
  /** Came before there was a receiver. */
  #early: Buffer[] | undefined;

  constructor() {
    this.onread = { buffer: SHARED_READ_BUFFER, callback: (bytes) => this.#read(bytes) };
  }

  of<S extends net.Socket>(socket: S): SocketReader<S> {
    return {
      socket,
      isShared: true,
      readInto: (receiver) => {
        this.#receiver = receiver;
        if (receiver === undefined || this.#early === undefined) return;
        process.nextTick(() => this.#handOver(socket));
      },
    };
  }

  #read(bytes: number): boolean {
    const chunk = SHARED_READ_BUFFER.subarray(0, bytes);
    if (this.#receiver === undefined || this.#early !== undefined) {
      (this.#early ??= []).push(Buffer.from(chunk));
      // Reads no more until there is a receiver.
      return false;
    }
    this.#receiver(chunk);
    return true;
  }

  #handOver(socket: net.Socket): void {
    const chunks = this.#early ?? [];
    this.#early = undefined;
    for (const chunk of chunks) this.#receiver?.(chunk);
    // The receiver may have had enough.
    if (!socket.isPaused()) socket.resume();
  }
}

/** Reads a socket that was connected or accepted without `sharedRead`, into the shared buffer as well. */
export function readerOf<S extends net.Socket>(socket: S): SocketReader<S> {
  return new PlainReader(socket);
}

class PlainReader<S extends net.Socket> implements SocketReader<S> {
  readonly socket: S;
  #receiver: ReadReceiver | undefined;
  #shared: SocketReader<S> | undefined;
  /** Hears 'data', while that is how bytes come. */
  #onData: ReadReceiver | undefined;

  constructor(socket: S) {
    this.socket = socket;
  }

  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  readInto(receiver: ReadReceiver | undefined): void {
    if (this.#shared !== undefined) return this.#shared.readInto(receiver);
    this.#receiver = receiver;
    this.#share();
    if (this.#shared === undefined) this.#listen(receiver !== undefined);
  }

  #listen(isWanted: boolean): void {
    if (!isWanted) {
      if (this.#onData !== undefined) this.socket.off('data', this.#onData);
      this.#onData = undefined;
    } else if (this.#onData === undefined) {
      this.#onData = (chunk) => {
        this.#receiver?.(chunk);
        this.#share();
      };
      this.socket.on('data', this.#onData);
    }
  }

  /** What Node.js has read already comes out as 'data'; as soon as that is over, it goes on with the buffer. */
  #share(): void {
    if (this.#shared !== undefined || this.#receiver === undefined || hasRead(this.socket)) return;
    const read = sharedRead();
    if (!useBuffer(this.socket, read.onread)) return;
    this.#listen(false);
    this.#shared = read.of(this.socket);
    this.#shared.readInto(this.#receiver);
  }
}

/** True while bytes, or the end, wait in the socket to be handed out. */
function hasRead(socket: net.Socket): boolean {
  return socket.readableLength > 0 || socket.readableEnded || socket.destroyed;
}
