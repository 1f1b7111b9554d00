import { constants } from 'node:os';
import type { MonotonicClock } from '../../../common/clock.ts';
import { callEach } from '../../../common/listeners.ts';
import type { StreamClose, StreamReceiver } from '../byte-stream.ts';
import { FailedWrite, type FailedWriteReader } from '../failed-write.ts';
import { LeavingClient, type LeavingClientReader } from '../leaving-client.ts';
import type { PlaintextStream, PlaintextStreamOptions } from '../plaintext-stream.ts';
import { SHARED_READ_BUFFER } from '../socket-reader.ts';
import { type OnTaken, type Outlet, SocketWriter } from '../socket-writer.ts';
import {
  END_OF_STREAM,
  type Runtime,
  type ShutdownRequest,
  statusOf,
  type TcpHandle,
  type WriteRequest,
} from './runtime.ts';

type Roles = PlaintextStream & Outlet & FailedWriteReader & LeavingClientReader;

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
export class HandleStream implements Roles {
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
  readonly #writer = new SocketWriter(this);
  /** Of a client. */
  readonly #clientClock: MonotonicClock | undefined;
  /** Made when it is not read for the first time: most clients always are. */
  #client: LeavingClient | undefined;
  /** A write has failed, and what was received is being read. */
  #failedWrite: FailedWrite | undefined;
  #receiver: StreamReceiver | undefined;
  /** Most often one or two. */
  #closeListeners: (() => void)[] = [];
  #isStarted = false;
  #hasBuffer = false;
  #isReading = false;
  #isPaused = false;
  /** Handed over, and not consumed yet. */
  #unreadBytes = 0;
  #readsNoMore = false;
  #peerHasEnded = false;
  #writing: 'open' | 'ended' | 'shutting-down' | 'shut-down' = 'open';
  #resetsAfterShutdown = false;
  #isDestroyed = false;
  /** By an error or by us: whatever comes is no orderly end. */
  #isBroken = false;
  #hasToldEnd = false;
  #hasToldWaitingEnd = false;

  /** @param handle is connected or about to be, and not read */
  constructor(runtime: Runtime, handle: TcpHandle, { clientClock }: PlaintextStreamOptions = {}) {
    this.#runtime = runtime;
    this.#handle = handle as OwnedHandle;
    this.#handle[OWNER] = this;
    this.#clientClock = clientClock;
  }

  get isClosed(): boolean {
    return this.#isBroken || this.#isDestroyed;
  }

  get isDestroyed(): boolean {
    return this.#isDestroyed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
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

  attach(receiver: StreamReceiver): void {
    this.#receiver = receiver;
    this.#hasToldEnd = false;
  }

  start(): void {
    const wasStarted = this.#isStarted;
    this.#isStarted = true;
    if (this.isClosed) return this.#tellEnd('reset');
    // The receiver before was not detached: nothing was read in between.
    if (wasStarted) return this.#readOn();
    this.#isPaused = false;
    this.#read();
  }

  detach(): void {
    this.#stopReading();
    this.#isStarted = false;
    this.#receiver = undefined;
    this.#client?.close();
  }

  consumed(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#readOn();
  }

  holdSpare(): void {}

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    if (this.isClosed || this.#failedWrite !== undefined || this.hasEnded) return false;
    return this.#writer.write(chunk, more, isOwned);
  }

  end(): void {
    this.#writer.flush();
    // Where a write has failed there is no end in order: it is given up when all was read.
    if (this.isClosed || this.hasEnded || this.#failedWrite !== undefined) return;
    this.#writing = 'ended';
    this.#shutDown();
  }

  close(): void {
    this.#readsNoMore = true;
    // An end that waits for what cannot be written would be for ever.
    if (this.#failedWrite !== undefined || this.#writing === 'shut-down') this.destroy();
    else this.end();
  }

  reset(): void {
    this.#isBroken = true;
    this.#stopReading();
    // What was written before the break is sent before the reset, as far as the system takes it at once.
    this.#writer.flush();
    this.#writer.discard();
    if (this.#failedWrite !== undefined) this.destroy();
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

  // What its writer asks and tells, and those who watch the connection.

  written(bytes: number): void {
    this.#receiver?.written(bytes);
  }

  spare(bytes: number): void {
    this.#receiver?.spare(bytes);
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

  endWaits(): void {
    if (this.#hasToldWaitingEnd) return;
    this.#hasToldWaitingEnd = true;
    this.#receiver?.endWaits?.();
  }

  left(): void {
    this.#fail();
  }

  #read(): void {
    if (this.#isReading || !this.#isStarted || this.#peerHasEnded || this.isClosed) return;
    if (!this.#hasBuffer) {
      // It cannot be taken back: not before it is sure that no socket of Node.js is made from the handle.
      this.#hasBuffer = true;
      this.#handle.useUserBuffer(SHARED_READ_BUFFER);
      this.#handle.onread = HandleStream.#onRead;
    }
    this.#isReading = true;
    if (this.#handle.readStart() !== 0) process.nextTick(() => this.#fail());
  }

  #stopReading(): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    if (!this.#isDestroyed) this.#handle.readStop();
  }

  #readOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#read();
    this.#failedWrite?.resumed();
  }

  #readDone(): void {
    const { streamBaseState, kReadBytesOrError } = this.#runtime;
    const length = streamBaseState[kReadBytesOrError] ?? 0;
    if (length > 0) return this.#onData(SHARED_READ_BUFFER.subarray(0, length));
    if (length === END_OF_STREAM) return this.#onEnd();
    // Nothing was there after all.
    if (length < 0) this.#fail();
  }

  #onData(chunk: Buffer): void {
    this.#failedWrite?.read();
    this.#unreadBytes += chunk.length;
    if (this.#receiver?.data(chunk, false, false) !== false) return;
    // All of it was consumed within the call, as the end of a message can bring about: nothing would resume it.
    if (this.#unreadBytes <= 0) return;
    this.#isPaused = true;
    this.#stopReading();
    if (this.#clientClock === undefined) return;
    this.#client ??= new LeavingClient(this.#clientClock, this);
    this.#client.paused();
  }

  #onEnd(): void {
    this.#stopReading();
    this.#peerHasEnded = true;
    if (this.#failedWrite === undefined) this.#receiver?.end();
    if (this.#writing === 'shut-down') this.destroy();
  }

  #written(status: number, onTaken: OnTaken): void {
    onTaken(status === 0 ? null : WRITE_FAILED);
    if (this.#isDestroyed) return;
    if (status === 0) this.#shutDown();
    // One behind the first that failed: that the peer has left is known, and what it sent is being read.
    else if (this.#failedWrite !== undefined) return;
    else if (this.#mayReadOn(status)) {
      this.#writer.discard();
      this.#failedWrite = new FailedWrite(this, () => this.#giveUp());
    } else this.#fail();
  }

  /** The peer has left, and is no client, of which nothing would be of use. */
  #mayReadOn(status: number): boolean {
    if (this.#clientClock !== undefined) return false;
    return status === -EPIPE || status === -ECONNRESET;
  }

  /** Ends our direction if that is due, and the system has all that was written. */
  #shutDown(): void {
    if (this.#writing !== 'ended' || !this.#writer.isIdle) return;
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
    else if (this.#peerHasEnded || this.#readsNoMore) this.destroy();
  }

  #giveUp(): void {
    this.#isBroken = true;
    this.#tellEnd('reset');
    this.destroy();
  }

  #fail(): void {
    if (this.#isDestroyed) return;
    this.#isBroken = true;
    this.#tellEnd('reset');
    this.reset();
  }

  #closed(): void {
    this.#writer.discard();
    this.#client?.close();
    const listeners = this.#closeListeners;
    this.#closeListeners = [];
    const hasRead = this.#peerHasEnded || this.#readsNoMore;
    // A FIN was read, and everything was written with a FIN after it.
    const hasEnded = !this.#isBroken && hasRead && this.#writing === 'shut-down';
    callEach([...listeners, () => this.#tellEnd(hasEnded ? 'ended' : 'reset')], (tell) => tell());
  }

  #tellEnd(how: StreamClose): void {
    if (this.#hasToldEnd || !this.#isStarted || this.#receiver === undefined) return;
    this.#hasToldEnd = true;
    this.#receiver.closed(how);
  }
}

const { EPIPE, ECONNRESET } = constants.errno;

/** Made once: who writes only asks whether there is one. */
const WRITE_FAILED = new Error('the system has not taken what was written');
