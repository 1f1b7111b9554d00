import type { Guard } from '../../common/guard.ts';
import type { ByteStream, StreamClose, StreamReceiver } from './byte-stream.ts';

/** Sees what passes in a stream that is held. It must not throw. */
export interface StreamTap {
  /** Came out of the stream. */
  read(chunk: Buffer): void;
  /** Is written to it. */
  written(chunk: Buffer): void;
  /** Its peer has ended its direction. */
  readEnded(): void;
  /** Our direction is ended, after what was written. */
  writeEnded(): void;
}

/** What is held is enough to judge by; the stream is not read further then, as far as it can wait. */
const MAX_HELD_BYTES = 16 * 1024;

/**
 * A stream that is read before it is known who is to have it. What came until then is what its receiver
 * gets first.
 *
 *     new HeldStream(stream)     listens, keeps what comes, calls `onChange`
 *     attach(receiver), start()  what was kept, then what comes
 */
export class HeldStream implements ByteStream {
  readonly #stream: ByteStream;
  readonly #tap: StreamTap | undefined;
  readonly #onChange: () => void;
  readonly #guard: Pick<Guard, 'report'>;
  #receiver: StreamReceiver | undefined;
  #isStarted = false;
  #held: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  #closed: StreamClose | undefined;

  /**
   * `onChange` is called whenever something came, until it is started. What the receiver throws ends this stream,
   * and not the tunnel that it is in.
   */
  constructor(
    stream: ByteStream,
    guard: Pick<Guard, 'report'>,
    onChange: () => void,
    tap?: StreamTap,
  ) {
    this.#stream = stream;
    this.#guard = guard;
    this.#onChange = onChange;
    this.#tap = tap;
    stream.attach({
      data: (chunk, more, isOwned) =>
        this.#guarded(() => this.#data(chunk, more, isOwned)) === true,
      end: () => this.#guarded(() => this.#ended()),
      written: (bytes) => this.#guarded(() => this.#receiver?.written(bytes)),
      spare: (bytes) => this.#receiver?.spare(bytes),
      closed: (how) => this.#guarded(() => this.#closedBy(how)),
    });
  }

  #guarded<Result>(work: () => Result): Result | undefined {
    try {
      return work();
    } catch (error) {
      this.#guard.report('inbound', error);
      if (this.#closed !== undefined) return undefined;
      this.#stream.reset();
      this.#guarded(() => this.#closedBy('reset'));
      return undefined;
    }
  }

  /** Begins to read. */
  listen(): void {
    this.#stream.start();
  }

  /** What came so far. */
  get held(): Buffer {
    return this.#held;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** How it was closed; undefined while it is open. */
  get closedAs(): StreamClose | undefined {
    return this.#closed;
  }

  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  attach(receiver: StreamReceiver): void {
    this.#receiver = receiver;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    if (held.length > 0) this.#receiver?.data(held, false, true);
    if (this.#hasEnded) this.#receiver?.end();
    if (this.#closed !== undefined) this.#receiver?.closed(this.#closed);
  }

  detach(): void {
    this.#receiver = undefined;
    this.#stream.detach();
  }

  consumed(bytes: number): void {
    this.#stream.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.#stream.holdSpare(bytes);
  }

  write(chunk: Buffer, more?: boolean, isOwned?: boolean): boolean {
    this.#tap?.written(chunk);
    return this.#stream.write(chunk, more, isOwned);
  }

  end(): void {
    this.#tap?.writeEnded();
    this.#stream.end();
  }

  close(): void {
    this.#tap?.writeEnded();
    this.#stream.close();
  }

  reset(): void {
    this.#stream.reset();
  }

  #data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    this.#tap?.read(chunk);
    if (this.#isStarted) return this.#receiver?.data(chunk, more, isOwned) === true;
    // Most often one chunk is enough to judge by.
    if (this.#held.length > 0) this.#held = Buffer.concat([this.#held, chunk]);
    else this.#held = isOwned ? chunk : Buffer.from(chunk);
    this.#onChange();
    return this.#isStarted || this.#held.length < MAX_HELD_BYTES;
  }

  #ended(): void {
    this.#tap?.readEnded();
    this.#hasEnded = true;
    if (this.#isStarted) this.#receiver?.end();
    else this.#onChange();
  }

  #closedBy(how: StreamClose): void {
    this.#closed = how;
    if (this.#isStarted) this.#receiver?.closed(how);
    else this.#onChange();
  }
}
