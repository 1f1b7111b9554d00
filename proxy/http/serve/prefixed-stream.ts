import type { ByteStream, StreamReceiver } from '../../stream/byte-stream.ts';

/** A stream whose first bytes were read already, to find out what is spoken on it. It has been started. */
export class PrefixedStream implements ByteStream {
  /** What `data` said of the bytes that were read already. */
  goesOn = true;
  readonly #stream: ByteStream;
  readonly #early: Buffer;
  #receiver: StreamReceiver | undefined;

  constructor(stream: ByteStream, early: Buffer) {
    this.#stream = stream;
    this.#early = early;
  }

  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  attach(receiver: StreamReceiver): void {
    this.#receiver = receiver;
    this.#stream.attach(receiver);
  }

  start(): void {
    if (this.#early.length === 0) return;
    this.goesOn = this.#receiver?.data(this.#early, false, false) === true;
  }

  /** The peer had ended its direction by then. */
  peerEnded(): void {
    this.#receiver?.end();
  }

  detach(): void {
    this.#stream.detach();
  }

  consumed(bytes: number): void {
    this.#stream.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.#stream.holdSpare(bytes);
  }

  write(chunk: Buffer, more?: boolean, isOwned?: boolean): boolean {
    return this.#stream.write(chunk, more, isOwned);
  }

  end(): void {
    this.#stream.end();
  }

  close(): void {
    this.#stream.close();
  }

  reset(): void {
    this.#stream.reset();
  }
}
