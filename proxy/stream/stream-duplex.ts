import { Duplex } from 'node:stream';
import type { MonotonicClock, MonotonicMs, Timer } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { ByteStream, StreamClose } from './byte-stream.ts';
import type { RelayCounters, RelayOutcome } from './relay.ts';

/** What a view is made with. */
export interface StreamDuplexOptions {
  readonly clock: MonotonicClock;
  readonly guard: Guard;
  /** Counts what is carried; the program of this process is the application. */
  readonly counters: RelayCounters;
  /** Is told once how it ended. */
  readonly onClosed: (outcome: RelayOutcome) => void;
}

type Callback = (error?: Error | null) => void;

/**
 * A stream as a Node.js stream, for the clients of node:http and node:http2: what those need of a socket is
 * there too. Takes the stream over.
 *
 *     half-close of the peer    'end'                  end()            half-close
 *     reset, tunnel lost        'error' ECONNRESET     destroy(error)   reset
 *     backpressure             push, 'drain'          destroy()        as close(2): a half-close, or a reset
 *                                                                       where bytes wait in either direction
 *
 * What was cut short is an error, never an 'end'.
 */
export class StreamDuplex extends Duplex {
  /** What `setTimeout` was told; node:http looks at it. */
  timeout = 0;
  readonly #stream: ByteStream;
  readonly #options: StreamDuplexOptions;
  /** Handed over, and not taken by the reader. */
  #unreadBytes = 0;
  /** Given to the stream by the `_write` under way, and not reported yet. */
  #unwrittenBytes = 0;
  #onWritten: Callback | undefined;
  #isSettled = false;
  #movedMs: MonotonicMs;
  #idle: Timer | undefined;

  constructor(stream: ByteStream, options: StreamDuplexOptions) {
    super();
    this.#stream = stream;
    this.#options = options;
    this.#movedMs = options.clock.monotonicMs();
    // 'close' follows. It may break before the caller listens.
    this.on('error', () => {});
    stream.attach({
      data: (chunk, _more, isOwned) => this.#received(chunk, isOwned),
      end: () => this.#guarded(() => this.push(null)),
      written: (bytes) => this.#written(bytes),
      spare() {},
      closed: (how) => this.#closed(how),
    });
    stream.start();
  }

  override _read(): void {
    const bytes = this.#unreadBytes;
    this.#unreadBytes = 0;
    if (bytes > 0) this.#stream.consumed(bytes);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#moved();
    this.#options.counters.bytesFromApp += chunk.length;
    // A peer that reads no more has said everything: what it said is still to be read.
    if (this.#stream.isClosed) return callback();
    this.#unwrittenBytes = chunk.length;
    this.#onWritten = callback;
    this.#stream.write(chunk, false, true);
  }

  override _final(callback: Callback): void {
    this.#stream.end();
    callback();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#idle?.cancel();
    const isQuiet = error === null && this.readableLength === 0 && this.writableLength === 0;
    if (isQuiet) this.#stream.close();
    else this.#stream.reset();
    this.#settle(isQuiet ? 'complete' : 'app-reset');
    callback(error);
  }

  // What the stream tells.

  #received(chunk: Buffer, isOwned: boolean): boolean {
    this.#moved();
    this.#options.counters.bytesToApp += chunk.length;
    this.#unreadBytes += chunk.length;
    this.#guarded(() => {
      if (this.push(isOwned ? chunk : Buffer.from(chunk))) this._read();
    });
    return this.#unreadBytes === 0;
  }

  #written(bytes: number): void {
    this.#unwrittenBytes -= bytes;
    if (this.#unwrittenBytes <= 0) this.#callBack();
  }

  #closed(how: StreamClose): void {
    switch (how) {
      case 'ended':
        return this.#settle('complete');
      case 'unread':
        this.#settle('complete');
        this.#callBack();
        if (this.readableEnded) this.destroy();
        else this.once('end', () => this.destroy());
        return;
      case 'reset':
        return this.#broke('peer-reset', 'the peer has reset the connection');
      case 'shed':
        return this.#broke('shed', 'the connection was given up for want of memory');
      case 'lost':
        return this.#broke('tunnel-lost', 'the tunnel of the connection was lost');
    }
  }

  #broke(outcome: RelayOutcome, sentence: string): void {
    this.#settle(outcome);
    this.destroy(Object.assign(new Error(sentence), { code: 'ECONNRESET' }));
  }

  #callBack(): void {
    const callback = this.#onWritten;
    this.#onWritten = undefined;
    if (callback !== undefined) this.#guarded(callback);
  }

  /** Listeners of the program run in it: what they throw must not be the end of a whole tunnel. */
  #guarded(work: () => unknown): void {
    this.#options.guard.run('relay', work, (error) => this.destroy(error as Error));
  }

  #settle(outcome: RelayOutcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#options.onClosed(outcome);
  }

  // What node:http wants of a socket.

  /** Emits 'timeout' when nothing has moved for that long, as a socket does; 0: never. */
  setTimeout(timeoutMs: number): this {
    this.timeout = timeoutMs;
    this.#idle?.cancel();
    this.#idle = undefined;
    this.#moved();
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #moved(): void {
    this.#movedMs = this.#options.clock.monotonicMs();
    if (this.timeout > 0 && this.#idle === undefined && !this.destroyed) this.#watch(this.timeout);
  }

  /** Much may move: only when the time could be over is it looked at what has. */
  #watch(leftMs: number): void {
    const { clock } = this.#options;
    this.#idle = clock.after(leftMs, () => {
      const stillMs = this.#movedMs + this.timeout - clock.monotonicMs();
      if (stillMs > 0) return this.#watch(stillMs);
      this.#idle = undefined;
      this.emit('timeout');
    });
  }
}
