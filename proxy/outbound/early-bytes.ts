import { WaitingBytes } from '../http2/waiting-bytes.ts';
import type { ByteStream, StreamReceiver } from '../stream/byte-stream.ts';
import type { SentBytes } from '../stream/relay.ts';
import type { EarlyData } from '../tunnel/tunnel.ts';
import { isUnserved, type TunnelError } from '../tunnel/tunnel-error.ts';

/** Enough for a request, and for the first flight of TLS. The last read may go beyond it, by its own size. */
const ENOUGH_BYTES = 16 * 1024;

/** How many connections may be read before a peer has accepted them. */
export class EarlyReaders {
  readonly #most: number;
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** False when there are as many as may be. */
  take(): boolean {
    if (this.#count >= this.#most) return false;
    this.#count += 1;
    return true;
  }

  release(): void {
    this.#count -= 1;
  }
}

/** Of the whole process. Each has two reads at most, of 128 KiB together and a little: 36 MiB for all of them. */
const PROCESS_READERS = new EarlyReaders(256);

const NOTHING = Buffer.alloc(0);

/**
 * What an application sends before a peer has accepted its connection. It goes along with the CONNECT, which saves a round
 * trip, and a copy stays until the answer: a peer that does not serve it costs no byte, another one gets the same. Where
 * it is not known whether a peer has served it, it is spent.
 */
export class EarlyBytes implements EarlyData, StreamReceiver {
  readonly #app: ByteStream;
  readonly #readers: EarlyReaders;
  /** Where it goes; undefined while no peer is asked. */
  #stream: Pick<ByteStream, 'write'> | undefined;
  #copy: WaitingBytes | undefined;
  #hasEnded = false;
  #isReading = false;
  #isSpent = false;

  constructor(app: ByteStream, readers: EarlyReaders = PROCESS_READERS) {
    this.#app = app;
    this.#readers = readers;
  }

  get isSpent(): boolean {
    return this.#isSpent;
  }

  sendOn(stream: Pick<ByteStream, 'write'>): void {
    this.#stream = stream;
    if (this.#copy !== undefined) stream.write(this.#copy.bytes);
    if (this.#isReading || !this.#readers.take()) return;
    this.#isReading = true;
    this.#app.attach(this);
    this.#app.start();
  }

  refused(error: TunnelError): void {
    if (this.#stream !== undefined && this.#copy !== undefined && !isUnserved(error)) {
      this.#isSpent = true;
    }
    this.#stream = undefined;
  }

  /**
   * A peer has accepted: what was read is on its way in this stream. Another receiver is to be attached to the
   * application's stream now.
   *
   * @returns undefined when nothing was read
   */
  accepted(stream: Pick<ByteStream, 'write'>): SentBytes | undefined {
    const bytes = this.#copy?.bytes;
    if (this.#stream === undefined && bytes !== undefined) stream.write(bytes);
    this.close();
    if (bytes === undefined && !this.#hasEnded) return undefined;
    return { bytes: bytes ?? NOTHING, hasEnded: this.#hasEnded };
  }

  /** No peer has accepted, or one has: it is read no more. */
  close(): void {
    if (this.#isReading) this.#readers.release();
    this.#isReading = false;
    this.#stream = undefined;
    this.#copy = undefined;
  }

  // What follows is called by the application's stream.

  data(chunk: Buffer): boolean {
    this.#copy ??= new WaitingBytes();
    this.#copy.append(chunk, false);
    const goesOn = this.#stream?.write(chunk) !== false;
    return goesOn && this.#copy.length < ENOUGH_BYTES;
  }

  end(): void {
    this.#hasEnded = true;
  }

  // Nothing is written to it, and who opens the stream watches its socket.
  written(): void {}
  spare(): void {}
  closed(): void {}
}
