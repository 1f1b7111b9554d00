import type { MonotonicClock } from '../../common/clock.ts';
import type { StreamClose, StreamReceiver } from './byte-stream.ts';
import { FailedWrite, type FailedWriteReader } from './failed-write.ts';
import { LeavingClient, type LeavingClientReader } from './leaving-client.ts';
import type { PlaintextStream, PlaintextStreamOptions } from './plaintext-stream.ts';
import { type OnTaken, type Outlet, SocketWriter } from './socket-writer.ts';

type Roles = PlaintextStream & Outlet & FailedWriteReader & LeavingClientReader;

/**
 * What a connection is as a stream, whatever it is read and written by: a socket of Node.js (`SocketStream`) or a handle of
 * the runtime (`HandleStream`). Who hears of it, whether it is paused, and what is said once is known here.
 */
export abstract class ConnectionStream implements Roles {
  protected readonly writer = new SocketWriter(this);
  /** Of a client. */
  protected readonly clientClock: MonotonicClock | undefined;
  protected isStarted = false;
  /** What comes is of no use. */
  protected readsNoMore = false;
  /** Made when it is not read for the first time: most clients always are. */
  #client: LeavingClient | undefined;
  /** A write has failed, and what was received is being read. */
  #failedWrite: FailedWrite | undefined;
  #receiver: StreamReceiver | undefined;
  #isPaused = false;
  /** Handed over, and not consumed yet. */
  #unreadBytes = 0;
  /** By an error or by us: whatever comes is no orderly end. */
  #isBroken = false;
  #hasToldEnd = false;
  #hasToldWaitingEnd = false;

  constructor({ clientClock }: PlaintextStreamOptions) {
    this.clientClock = clientClock;
  }

  abstract readonly isDestroyed: boolean;
  abstract readonly descriptor: number | undefined;
  abstract readonly hasEnded: boolean;
  abstract once(event: 'close', listener: () => void): void;
  abstract off(event: 'close', listener: () => void): void;
  abstract end(): void;
  abstract close(): void;
  abstract send(chunks: readonly Buffer[], wait: () => OnTaken): boolean;
  /** Reads, if it does not. What comes goes to `received`, not within this call. */
  protected abstract resume(): void;
  protected abstract pause(): void;
  /** Ends it with a reset; all that the system takes at once is written. */
  protected abstract breakOff(): void;

  get isClosed(): boolean {
    return this.#isBroken || this.isDestroyed;
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
    const wasStarted = this.isStarted;
    this.isStarted = true;
    if (this.isClosed) this.#tellEnd('reset');
    else if (!wasStarted && !this.#isPaused) this.resume();
    // The receiver before had enough, and may not have been detached.
    else this.#readOn();
  }

  detach(): void {
    this.pause();
    this.isStarted = false;
    this.#receiver = undefined;
    this.#client?.close();
  }

  consumed(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#readOn();
  }

  holdSpare(): void {}

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    if (this.#isBroken || this.isReadingOn || this.hasEnded) return false;
    return this.writer.write(chunk, more, isOwned);
  }

  reset(): void {
    this.#isBroken = true;
    // What was written before the break is sent before the reset, as far as the system takes it at once.
    this.writer.flush();
    this.writer.discard();
    this.breakOff();
  }

  // What its writer tells, and those who watch the connection.

  written(bytes: number): void {
    this.#receiver?.written(bytes);
  }

  spare(bytes: number): void {
    this.#receiver?.spare(bytes);
  }

  endWaits(): void {
    if (this.#hasToldWaitingEnd) return;
    this.#hasToldWaitingEnd = true;
    this.#receiver?.endWaits?.();
  }

  left(): void {
    this.failed();
  }

  // What the connection tells.

  /** A write has failed, and there is no end in order any more; what was received is read on. */
  protected get isReadingOn(): boolean {
    return this.#failedWrite !== undefined;
  }

  protected received(chunk: Buffer, isOwned: boolean): void {
    this.#failedWrite?.read();
    this.#unreadBytes += chunk.length;
    if (this.#receiver?.data(chunk, false, isOwned) !== false) return;
    // All of it was consumed within the call, as the end of a message can bring about: nothing would resume it.
    if (this.#unreadBytes <= 0) return;
    this.#isPaused = true;
    this.pause();
    if (this.clientClock === undefined) return;
    this.#client ??= new LeavingClient(this.clientClock, this);
    this.#client.paused();
  }

  protected receivedEnd(): void {
    if (!this.#isBroken && !this.isReadingOn) this.#receiver?.end();
  }

  /** @param giveUp closes it when all was read */
  protected writeFailed(giveUp: () => void): void {
    this.writer.discard();
    this.#failedWrite = new FailedWrite(this, giveUp);
  }

  protected failed(): void {
    this.#isBroken = true;
    this.#tellEnd('reset');
    if (!this.isDestroyed) this.reset();
  }

  /** Its descriptor is closed. @param hasEnded is true when a FIN was read, or not waited for, and one was written last */
  protected closed(hasEnded: boolean): void {
    this.writer.discard();
    this.#client?.close();
    this.#tellEnd(hasEnded && !this.#isBroken ? 'ended' : 'reset');
  }

  #readOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.resume();
    this.#failedWrite?.resumed();
  }

  #tellEnd(how: StreamClose): void {
    if (this.#hasToldEnd || !this.isStarted || this.#receiver === undefined) return;
    this.#hasToldEnd = true;
    this.#receiver.closed(how);
  }
}
