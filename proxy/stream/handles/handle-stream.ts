import { constants } from 'node:os';
import { callEach } from '../../../common/listeners.ts';
import { ConnectionStream } from '../connection-stream.ts';
import type { PlaintextStreamOptions } from '../plaintext-stream.ts';
import { SHARED_READ_BUFFER } from '../socket-reader.ts';
import type { OnTaken } from '../socket-writer.ts';
import {
  END_OF_STREAM,
  type Runtime,
  type ShutdownRequest,
  statusOf,
  type TcpHandle,
  type WriteRequest,
} from './runtime.ts';

/** Whose handle, or request, it is: callbacks are shared by all, since one of its own for each would be memory. */
const OWNER = Symbol('owner');

interface OwnedHandle extends TcpHandle {
  [OWNER]: HandleStream;
}

interface OwnedWrite extends WriteRequest {
  [OWNER]: HandleStream;
  onTaken: OnTaken;
}

interface OwnedShutdown extends ShutdownRequest {
  [OWNER]: HandleStream;
}

/**
 * A plaintext connection as a stream, on the runtime's own handle: what `SocketStream` is on a socket of Node.js, without
 * the socket's two streams, their buffers and events.
 *
 *     reading    idle -> start() -> reading <-> paused -> the peer's FIN
 *     writing    open -> end(): waits for writes -> shutting down -> shut down
 *     the end    both are over, or close() and writing is over -> destroyed -> 'close', closed('ended')
 *                an error, or reset()                          -> destroyed -> 'close', closed('reset')
 */
export class HandleStream extends ConnectionStream {
  static readonly #onRead = function (this: TcpHandle): void {
    (this as OwnedHandle)[OWNER].#readDone();
  };
  static readonly #onWriteDone = function (this: WriteRequest, status: number): void {
    const { [OWNER]: stream, onTaken } = this as OwnedWrite;
    stream.#written(status, onTaken);
  };
  static readonly #onShutdownDone = function (this: ShutdownRequest): void {
    (this as OwnedShutdown)[OWNER].#hasShutDown();
  };
  static readonly #onClosed = function (this: TcpHandle): void {
    (this as OwnedHandle)[OWNER].#closed();
  };
  readonly #runtime: Runtime;
  readonly #handle: OwnedHandle;
  /** Most often one or two. */
  #closeListeners: (() => void)[] = [];
  #hasBuffer = false;
  #isReading = false;
  #peerHasEnded = false;
  #writing: 'open' | 'ended' | 'shutting-down' | 'shut-down' = 'open';
  #resetsAfterShutdown = false;
  #isDestroyed = false;

  /** @param handle is connected or about to be, and not read */
  constructor(runtime: Runtime, handle: TcpHandle, options: PlaintextStreamOptions = {}) {
    super(options);
    this.#runtime = runtime;
    this.#handle = handle as OwnedHandle;
    this.#handle[OWNER] = this;
  }

  get isDestroyed(): boolean {
    return this.#isDestroyed;
  }

  get hasEnded(): boolean {
    return this.#writing !== 'open';
  }

  get descriptor(): number | undefined {
    const { fd } = this.#handle;
    return fd >= 0 ? fd : undefined;
  }

  once(_event: 'close', listener: () => void): void {
    this.#closeListeners.push(listener);
  }

  off(_event: 'close', listener: () => void): void {
    const at = this.#closeListeners.indexOf(listener);
    if (at !== -1) this.#closeListeners.splice(at, 1);
  }

  end(): void {
    this.writer.flush();
    // Where a write has failed there is no end in order: it is given up when all was read.
    if (this.isClosed || this.hasEnded || this.isReadingOn) return;
    this.#writing = 'ended';
    this.#shutDown();
  }

  close(): void {
    this.readsNoMore = true;
    // An end that waits for what cannot be written would be for ever.
    if (this.isReadingOn || this.#writing === 'shut-down') this.destroy();
    else this.end();
  }

  protected breakOff(): void {
    this.pause();
    if (this.isReadingOn) this.destroy();
    // libuv refuses a reset meanwhile. All was written by then: it takes one turn of the event loop.
    else if (this.#writing === 'shutting-down') this.#resetsAfterShutdown = true;
    else this.#resetHandle();
  }

  /** Closes the descriptor now; what is being written goes nowhere. */
  destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#handle.close(HandleStream.#onClosed);
  }

  /** Not while a shutdown is under way: a handle whose reset was refused cannot be closed any more. */
  #resetHandle(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.#handle.reset(HandleStream.#onClosed);
  }

  send(chunks: readonly Buffer[], wait: () => OnTaken): boolean {
    const [first, second] = chunks;
    const result =
      first !== undefined && second === undefined
        ? this.#handle.writeBuffer(null, first)
        : this.#handle.writev(null, chunks, true);
    if (result === 0) return true;
    const onTaken = wait();
    const status = statusOf(this.#runtime, result);
    if (typeof result === 'number' || status !== null) {
      // Not within the call: who writes expects nothing to break off under its hands.
      process.nextTick(() => this.#written(Number(status), onTaken));
    } else {
      const request = result as OwnedWrite;
      request[OWNER] = this;
      request.onTaken = onTaken;
      request.buffer = chunks;
      request.oncomplete = HandleStream.#onWriteDone;
    }
    return false;
  }

  protected resume(): void {
    if (this.#isReading || !this.isStarted || this.#peerHasEnded || this.isClosed) return;
    if (!this.#hasBuffer) {
      // It cannot be taken back: not before it is sure that no socket of Node.js is made from the handle.
      this.#hasBuffer = true;
      this.#handle.useUserBuffer(SHARED_READ_BUFFER);
      this.#handle.onread = HandleStream.#onRead;
    }
    this.#isReading = true;
    if (this.#handle.readStart() !== 0) process.nextTick(() => this.#fail());
  }

  protected pause(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    if (!this.#isDestroyed) this.#handle.readStop();
  }

  #readDone(): void {
    const { streamBaseState, kReadBytesOrError } = this.#runtime;
    const length = streamBaseState[kReadBytesOrError] ?? 0;
    if (length > 0) return this.received(SHARED_READ_BUFFER.subarray(0, length), false);
    if (length === END_OF_STREAM) return this.#onEnd();
    // Nothing was there after all.
    if (length < 0) this.#fail();
  }

  #onEnd(): void {
    this.pause();
    this.#peerHasEnded = true;
    this.receivedEnd();
    if (this.#writing === 'shut-down') this.destroy();
  }

  #written(status: number, onTaken: OnTaken): void {
    onTaken(status === 0 ? null : WRITE_FAILED);
    if (this.#isDestroyed) return;
    if (status === 0) this.#shutDown();
    // One behind the first that failed: that the peer has left is known, and what it sent is being read.
    else if (this.isReadingOn) return;
    else if (this.#mayReadOn(status)) this.writeFailed(() => this.#fail());
    else this.#fail();
  }

  /** The peer has left, and is no client, of which nothing would be of use. */
  #mayReadOn(status: number): boolean {
    if (this.clientClock !== undefined) return false;
    return status === -EPIPE || status === -ECONNRESET;
  }

  /** Ends our direction if that is due, and the system has all that was written. */
  #shutDown(): void {
    if (this.#writing !== 'ended' || !this.writer.isIdle) return;
    if (this.#peerHasEnded) {
      // Closing the descriptor sends the FIN too: a call of the system less for each connection, and a turn of the loop.
      this.#writing = 'shut-down';
      return this.destroy();
    }
    this.#writing = 'shutting-down';
    const request = new this.#runtime.ShutdownWrap() as OwnedShutdown;
    request[OWNER] = this;
    request.oncomplete = HandleStream.#onShutdownDone;
    // Refused where the connection is broken, of which reading tells.
    if (this.#handle.shutdown(request) !== 0) process.nextTick(() => this.#hasShutDown());
  }

  #hasShutDown(): void {
    if (this.#isDestroyed) return;
    this.#writing = 'shut-down';
    if (this.#resetsAfterShutdown) this.#resetHandle();
    else if (this.#peerHasEnded || this.readsNoMore) this.destroy();
  }

  #fail(): void {
    if (!this.#isDestroyed) this.failed();
  }

  #closed(): void {
    const listeners = this.#closeListeners;
    this.#closeListeners = [];
    const hasRead = this.#peerHasEnded || this.readsNoMore;
    const hasEnded = hasRead && this.#writing === 'shut-down';
    callEach([...listeners, () => this.closed(hasEnded)], (tell) => tell());
  }
}

const { EPIPE, ECONNRESET } = constants.errno;

/** Made once: who writes only asks whether there is one. */
const WRITE_FAILED = new Error('the system has not taken what was written');
