import type { ByteStream, StreamClose, StreamReceiver } from '../../stream/byte-stream.ts';
import type { Transport, TransportReceiver } from './transport.ts';

/** A byte stream that HTTP/2 is spoken over: a client's connection, or a stream of a tunnel. */
export class StreamTransport implements Transport {
  readonly #stream: ByteStream;
  /** Came before the stream was handed over. */
  #early: Buffer | undefined;
  #receiver: TransportReceiver | undefined;
  #unwrittenBytes = 0;
  #written: (() => void) | undefined;
  #isEnding = false;
  #isClosed = false;

  /** @param early is what was read of the stream already */
  constructor(stream: ByteStream, early?: Buffer) {
    this.#stream = stream;
    this.#early = early;
  }

  get isWritable(): boolean {
    return !this.#isEnding && !this.#isClosed;
  }

  /** The bytes come after this has returned: the caller needs what it makes for them first. */
  open(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    this.#stream.attach(this.#reader(receiver));
    queueMicrotask(() => {
      if (this.#isClosed) return;
      const early = this.#early;
      this.#early = undefined;
      if (early !== undefined) receiver.received(early);
      if (!this.#isClosed) this.#stream.start();
    });
  }

  write(bytes: Buffer, written: () => void): void {
    this.#unwrittenBytes += bytes.length;
    this.#written = written;
    this.#stream.write(bytes, false, true);
  }

  end(): void {
    this.#isEnding = true;
    if (!this.#isClosed) this.#stream.end();
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.reset();
    queueMicrotask(() => this.#receiver?.closed(undefined));
  }

  #reader(receiver: TransportReceiver): StreamReceiver {
    const stream = this.#stream;
    return {
      data: (chunk) => {
        if (this.#isClosed) return false;
        receiver.received(chunk);
        // The frames are applied, and what they carry is bounded by the windows of HTTP/2.
        stream.consumed(chunk.length);
        return true;
      },
      end: () => this.#peerEnded(),
      written: (bytes) => this.#reportWritten(bytes),
      spare() {},
      closed: (how) => {
        if (this.#isClosed) return;
        this.#isClosed = true;
        receiver.closed(how === 'ended' ? undefined : new Error(SENTENCES[how]));
      },
    };
  }

  /** HTTP/2 knows no half-closed connection. */
  #peerEnded(): void {
    if (this.#isClosed) return;
    const isReading = this.#isEnding || this.#unwrittenBytes === 0;
    this.#isEnding = true;
    if (isReading) this.#stream.close();
    else this.destroy();
  }

  #reportWritten(bytes: number): void {
    this.#unwrittenBytes -= bytes;
    if (this.#unwrittenBytes > 0) return;
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }
}

const SENTENCES: Readonly<Record<Exclude<StreamClose, 'ended'>, string>> = {
  unread: 'expected a peer that reads, got one that has stopped',
  reset: 'expected the end of HTTP/2 by GOAWAY, got a reset of the connection',
  shed: 'expected memory for the connection, and it was needed elsewhere',
  lost: 'expected a tunnel below the connection, and it was lost',
};
