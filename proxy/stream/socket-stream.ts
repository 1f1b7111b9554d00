import type { Socket } from 'node:net';
import type { ByteStream, StreamClose, StreamReceiver } from './byte-stream.ts';
import { resetSocket } from './reset-socket.ts';
import { readerOf, type SocketReader } from './socket-reader.ts';
import { SocketWriter } from './socket-writer.ts';

/** How to break off what is below a socket. */
type Reset = () => void;

/** A socket as a stream, in plaintext or in TLS. It comes unread, and its errors are heard here. */
export function socketStream(socket: Socket, reset?: Reset): SocketStream {
  return new SocketStream(readerOf(socket), reset);
}

/** A FIN, or what TLS has for one, is the end of a direction; an RST, or an alert, is a reset. */
export class SocketStream implements ByteStream {
  readonly socket: Socket;
  readonly #reader: SocketReader;
  readonly #writer: SocketWriter;
  readonly #reset: Reset | undefined;
  #receiver: StreamReceiver | undefined;
  #isPaused = false;
  #readsNoMore = false;
  /** By an error or by us: whatever comes is no orderly end. */
  #isBroken = false;
  #hasToldEnd = false;

  constructor(reader: SocketReader, reset?: Reset) {
    this.socket = reader.socket;
    this.#reader = reader;
    this.#reset = reset;
    this.#writer = new SocketWriter(reader.socket, {
      written: (bytes) => this.#receiver?.written(bytes),
      spare: (bytes) => this.#receiver?.spare(bytes),
    });
    reader.socket.on('error', this.#onError);
  }

  get isClosed(): boolean {
    return this.#isBroken || this.socket.destroyed;
  }

  attach(receiver: StreamReceiver): void {
    this.#receiver = receiver;
  }

  start(): void {
    const { socket } = this;
    if (this.isClosed) return this.#tellEnd('reset');
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    this.#reader.readInto(this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    // It came paused, so that nothing was lost before.
    socket.resume();
  }

  detach(): void {
    const { socket } = this;
    socket.pause();
    this.#receiver = undefined;
    this.#reader.readInto(undefined);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
  }

  consumed(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.socket.resume();
  }

  holdSpare(): void {}

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    return !this.#isBroken && this.#writer.write(chunk, more, isOwned);
  }

  end(): void {
    // Whatever is being written, the order stays: the FIN comes last.
    this.#writer.flush();
    this.socket.end();
  }

  close(): void {
    this.#readsNoMore = true;
    this.end();
    if (!this.socket.readableEnded) this.socket.destroySoon();
  }

  reset(): void {
    this.#isBroken = true;
    this.#writer.discard();
    if (this.#reset === undefined) resetSocket(this.socket);
    else this.#reset();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#receiver?.data(chunk, false, !this.#reader.isShared) !== false) return;
    this.#isPaused = true;
    this.socket.pause();
  };

  readonly #onEnd = (): void => {
    if (!this.#isBroken) this.#receiver?.end();
  };

  /** An alert of TLS is an error that Node.js lets look like an orderly end otherwise, and does not close. */
  readonly #onError = (): void => {
    this.#isBroken = true;
    this.#tellEnd('reset');
    if (!this.socket.destroyed) this.reset();
  };

  readonly #onClose = (): void => {
    const { readableEnded, writableFinished } = this.socket;
    this.#writer.discard();
    const hasRead = readableEnded || this.#readsNoMore;
    // A FIN was read, and everything was written with a FIN after it.
    const hasEnded = !this.#isBroken && hasRead && writableFinished;
    this.#tellEnd(hasEnded ? 'ended' : 'reset');
  };

  #tellEnd(how: StreamClose): void {
    if (this.#hasToldEnd || this.#receiver === undefined) return;
    this.#hasToldEnd = true;
    this.#receiver.closed(how);
  }
}
