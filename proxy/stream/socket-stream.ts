import type { Socket } from 'node:net';
import type { StreamClose, StreamReceiver } from './byte-stream.ts';
import { FailedWrite, type FailedWriteReader, onFailedWrite } from './failed-write.ts';
import { LeavingClient, type LeavingClientReader } from './leaving-client.ts';
import type { PlaintextStream, PlaintextStreamOptions } from './plaintext-stream.ts';
import { resetSocket } from './reset-socket.ts';
import { readerOf, type SocketReader } from './socket-reader.ts';
import { descriptorOf } from './socket-option.ts';
import { type OnTaken, type Outlet, SocketWriter } from './socket-writer.ts';

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

type Roles = PlaintextStream & Outlet & FailedWriteReader & LeavingClientReader;

/** A FIN, or what TLS has for one, is the end of a direction; an RST, or an alert, is a reset. */
export class SocketStream implements Roles {
  readonly socket: Socket;
  readonly #reader: SocketReader;
  readonly #writer: SocketWriter;
  readonly #reset: Reset | undefined;
  readonly #client: LeavingClient | undefined;
  /** A write has failed, and what was received is being read. */
  #failedWrite: FailedWrite | undefined;
  #receiver: StreamReceiver | undefined;
  #isStarted = false;
  #isPaused = false;
  /** Handed over, and not consumed yet. */
  #unreadBytes = 0;
  #readsNoMore = false;
  /** Both directions had ended, and the descriptor was closed. */
  #hasClosed = false;
  /** By an error or by us: whatever comes is no orderly end. */
  #isBroken = false;
  #hasToldEnd = false;
  #hasToldWaitingEnd = false;

  constructor(reader: SocketReader, { reset, clientClock }: SocketStreamOptions = {}) {
    const { socket } = reader;
    this.socket = socket;
    this.#reader = reader;
    this.#reset = reset;
    this.#writer = new SocketWriter(this);
    if (clientClock === undefined) onFailedWrite(socket, this.#onFailedWrite);
    else this.#client = new LeavingClient(clientClock, this);
    socket.on('error', this.#onError);
  }

  get isClosed(): boolean {
    return this.#isBroken || this.socket.destroyed;
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

  /** Nothing is read, because there is enough for now. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  attach(receiver: StreamReceiver): void {
    this.#receiver = receiver;
    this.#hasToldEnd = false;
  }

  start(): void {
    const { socket } = this;
    if (this.isClosed) return this.#tellEnd('reset');
    // The receiver before was not detached: nothing was read in between.
    if (this.#isStarted) return this.#readOn();
    this.#isStarted = true;
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
    this.#isStarted = false;
    this.#receiver = undefined;
    this.#reader.readInto(undefined);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    this.#client?.close();
  }

  consumed(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#readOn();
  }

  #readOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.socket.resume();
    this.#failedWrite?.resumed();
  }

  holdSpare(): void {}

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    if (this.#isBroken || this.#isReadingOn) return false;
    return this.#writer.write(chunk, more, isOwned);
  }

  end(): void {
    // Whatever is being written, the order stays: the FIN comes last.
    this.#writer.flush();
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
    return !this.isClosed && !socket.connecting && !socket.writableEnded && !this.#isReadingOn;
  }

  close(): void {
    this.#readsNoMore = true;
    // An end that waits for what cannot be written would be for ever.
    if (this.#isReadingOn) return void this.socket.destroy();
    this.end();
    if (!this.socket.readableEnded) this.socket.destroySoon();
  }

  reset(): void {
    this.#isBroken = true;
    // What was written before the break is sent before the reset, as far as the system takes it at once.
    this.#writer.flush();
    this.#writer.discard();
    if (this.#reset !== undefined) this.#reset();
    else if (this.#isReadingOn) this.socket.destroy();
    else resetSocket(this.socket);
  }

  // What its writer asks and tells, and those who watch the socket.

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

  written(bytes: number): void {
    this.#receiver?.written(bytes);
  }

  spare(bytes: number): void {
    this.#receiver?.spare(bytes);
  }

  readonly #onFailedWrite = (destroy: () => void): void => {
    this.#writer.discard();
    this.#failedWrite = new FailedWrite(this, destroy);
  };

  endWaits(): void {
    if (this.#hasToldWaitingEnd) return;
    this.#hasToldWaitingEnd = true;
    this.#receiver?.endWaits?.();
  }

  left(): void {
    this.#onError();
  }

  get #isReadingOn(): boolean {
    return this.#failedWrite !== undefined;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#failedWrite?.read();
    this.#unreadBytes += chunk.length;
    if (this.#receiver?.data(chunk, false, !this.#reader.isShared) !== false) return;
    // All of it was consumed within the call, as the end of a message can bring about: nothing would resume it.
    if (this.#unreadBytes <= 0) return;
    this.#isPaused = true;
    this.socket.pause();
    this.#client?.paused();
  };

  readonly #onEnd = (): void => {
    if (!this.#isBroken && !this.#isReadingOn) this.#receiver?.end();
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
    this.#client?.close();
    const hasRead = readableEnded || this.#readsNoMore;
    // A FIN was read, and everything was written with a FIN after it.
    const hasEnded = !this.#isBroken && hasRead && (writableFinished || this.#hasClosed);
    this.#tellEnd(hasEnded ? 'ended' : 'reset');
  };

  #tellEnd(how: StreamClose): void {
    if (this.#hasToldEnd || this.#receiver === undefined) return;
    this.#hasToldEnd = true;
    this.#receiver.closed(how);
  }
}
