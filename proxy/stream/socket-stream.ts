import type { Socket } from 'node:net';
import { ConnectionStream } from './connection-stream.ts';
import { onFailedWrite } from './failed-write.ts';
import type { PlaintextStreamOptions } from './plaintext-stream.ts';
import { resetSocket } from './reset-socket.ts';
import { readerOf, type SocketReader } from './socket-reader.ts';
import { descriptorOf } from './socket-option.ts';
import type { OnTaken } from './socket-writer.ts';

/** How to break off what is below a socket. */
type Reset = () => void;

/** What is said of a socket. */
export interface SocketStreamOptions extends PlaintextStreamOptions {
  /** Where it is TLS. */
  readonly reset?: Reset | undefined;
}

/** A socket as a stream, in plaintext or in TLS. It comes unread, and its errors are heard here. */
export function socketStream(socket: Socket, options?: SocketStreamOptions): SocketStream {
  return new SocketStream(readerOf(socket), options);
}

/** A FIN, or what TLS has for one, is the end of a direction; an RST, or an alert, is a reset. */
export class SocketStream extends ConnectionStream {
  readonly socket: Socket;
  readonly #reader: SocketReader;
  readonly #reset: Reset | undefined;
  /** Both directions had ended, and the descriptor was closed. */
  #hasClosed = false;

  constructor(reader: SocketReader, options: SocketStreamOptions = {}) {
    super(options);
    const { socket } = reader;
    this.socket = socket;
    this.#reader = reader;
    this.#reset = options.reset;
    if (this.clientClock === undefined)
      onFailedWrite(socket, (destroy) => this.writeFailed(destroy));
    socket.on('error', this.#onError);
  }

  get isDestroyed(): boolean {
    return this.socket.destroyed;
  }

  get descriptor(): number | undefined {
    return descriptorOf(this.socket);
  }

  get hasEnded(): boolean {
    return this.socket.writableEnded;
  }

  once(event: 'close', listener: () => void): void {
    this.socket.once(event, listener);
  }

  off(event: 'close', listener: () => void): void {
    this.socket.off(event, listener);
  }

  override start(): void {
    if (!this.isStarted && !this.isClosed) this.#listen();
    // It came paused, so that nothing was lost before.
    super.start();
  }

  override detach(): void {
    super.detach();
    this.#reader.readInto(undefined);
    this.socket.off('end', this.#onEnd);
    this.socket.off('close', this.#onClose);
  }

  #listen(): void {
    const { socket } = this;
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    this.#reader.readInto(this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
  }

  end(): void {
    // Whatever is being written, the order stays: the FIN comes last.
    this.writer.flush();
    if (this.#mayCloseAtOnce) {
      this.#hasClosed = true;
      this.socket.destroy();
    } else this.socket.end();
  }

  /**
   * The peer has ended, and the system has all that was written: closing the descriptor sends the FIN. A shutdown before
   * that would be a call of the system more for each connection, and a turn of the event loop. TLS ends with an alert.
   */
  get #mayCloseAtOnce(): boolean {
    const { socket } = this;
    if (!socket.readableEnded || socket.writableLength > 0 || 'encrypted' in socket) return false;
    return !this.isClosed && !socket.connecting && !socket.writableEnded && !this.isReadingOn;
  }

  close(): void {
    this.readsNoMore = true;
    // An end that waits for what cannot be written would be for ever.
    if (this.isReadingOn) return void this.socket.destroy();
    this.end();
    if (!this.socket.readableEnded) this.socket.destroySoon();
  }

  protected resume(): void {
    this.socket.resume();
  }

  protected pause(): void {
    this.socket.pause();
  }

  protected breakOff(): void {
    if (this.#reset !== undefined) this.#reset();
    else if (this.isReadingOn) this.socket.destroy();
    else resetSocket(this.socket);
  }

  send(chunks: readonly Buffer[], wait: () => OnTaken): boolean {
    const { socket } = this;
    // TLS never takes it at once. Elsewhere a callback for every write would cost more than the write, where
    // the reader keeps up.
    const onTaken = 'encrypted' in socket ? wait() : undefined;
    if (chunks.length > 1) socket.cork();
    for (const chunk of chunks) socket.write(chunk, chunk === chunks.at(-1) ? onTaken : undefined);
    if (chunks.length > 1) socket.uncork();
    if (onTaken !== undefined) return false;
    if (socket.writableLength === 0) return true;
    // Called when all that was written before is with the system.
    socket.write('', wait());
    return false;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.received(chunk, !this.#reader.isShared);
  };

  readonly #onEnd = (): void => {
    this.receivedEnd();
  };

  /** An alert of TLS is an error that Node.js lets look like an orderly end otherwise, and does not close. */
  readonly #onError = (): void => {
    this.failed();
  };

  readonly #onClose = (): void => {
    const { readableEnded, writableFinished } = this.socket;
    this.closed((readableEnded || this.readsNoMore) && (writableFinished || this.#hasClosed));
  };
}
