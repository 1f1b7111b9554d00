import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import type { ByteStream, StreamReceiver } from '../../stream/byte-stream.ts';
import { PrefixedStream } from './prefixed-stream.ts';

/** How HTTP/2 begins for a client that knows that it is spoken here (RFC 9113 section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** What becomes of a stream whose client is heard. */
export interface VersionObserver {
  /** It speaks this; what it said so far comes first out of the stream, within this call. */
  speaks(version: 'http/1' | 'h2', stream: ByteStream): void;
  /** It has said nothing, or a part of the preface, and nothing more in time. */
  late(): void;
  /** It is gone, and has said nothing that could be answered. */
  closed(): void;
}

/** What listening takes. */
export interface DetectOptions {
  readonly clock: MonotonicClock;
  /** How long the client may take for its first bytes. */
  readonly timeoutMs: number;
}

/**
 * Listens to which version of HTTP a client speaks that does not say so in a handshake (RFC 9113 section 3.3).
 * Only the whole preface is HTTP/2; the first byte that differs is HTTP/1.
 */
export function detectVersion(
  stream: ByteStream,
  { clock, timeoutMs }: DetectOptions,
  observer: VersionObserver,
): void {
  const timer = clock.after(timeoutMs, () => observer.late());
  stream.attach(new Detector(stream, observer, timer));
  stream.start();
}

class Detector implements StreamReceiver {
  readonly #stream: ByteStream;
  readonly #observer: VersionObserver;
  readonly #timer: Timer;
  #early: Buffer | undefined;

  constructor(stream: ByteStream, observer: VersionObserver, timer: Timer) {
    this.#stream = stream;
    this.#observer = observer;
    this.#timer = timer;
  }

  data(chunk: Buffer): boolean {
    const early = this.#early === undefined ? chunk : Buffer.concat([this.#early, chunk]);
    const compared = Math.min(early.length, PREFACE.length);
    const isPreface = early.compare(PREFACE, 0, compared, 0, compared) === 0;
    if (!isPreface) return this.#decide('http/1', early).goesOn;
    if (compared === PREFACE.length) return this.#decide('h2', early).goesOn;
    this.#early = Buffer.from(early);
    return true;
  }

  end(): void {
    this.#timer.cancel();
    if (this.#early === undefined) return this.#stream.close();
    // What began like the preface is for HTTP/1 to refuse.
    this.#decide('http/1', this.#early).peerEnded();
  }

  written(): void {}

  spare(): void {}

  closed(): void {
    this.#timer.cancel();
    this.#observer.closed();
  }

  #decide(version: 'http/1' | 'h2', early: Buffer): PrefixedStream {
    this.#timer.cancel();
    // HTTP/2 begins to read only when this call has returned, and the chunk is for this call.
    const stream = new PrefixedStream(this.#stream, Buffer.from(early));
    this.#observer.speaks(version, stream);
    return stream;
  }
}
