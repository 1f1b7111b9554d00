import type { ByteStream, StreamClose, StreamReceiver } from '../../../proxy/stream/byte-stream.ts';

/** A stream whose other end is the test: it says what comes, and sees what was done with it. */
export class FakeStream implements ByteStream {
  isClosed = false;
  receiver: StreamReceiver | undefined;
  /** False: `write` says that there is enough, and nothing is reported as written. */
  takes = true;
  readonly sent: Buffer[] = [];
  readonly calls: ('start' | 'detach' | 'end' | 'close' | 'reset')[] = [];
  consumedBytes = 0;
  readonly #onStart: (stream: FakeStream) => void;
  #waitingBytes = 0;

  constructor(onStart: (stream: FakeStream) => void = () => {}) {
    this.#onStart = onStart;
  }

  get text(): string {
    return Buffer.concat(this.sent).toString();
  }

  attach(receiver: StreamReceiver): void {
    this.receiver = receiver;
  }

  start(): void {
    this.calls.push('start');
    this.#onStart(this);
  }

  detach(): void {
    this.calls.push('detach');
    this.receiver = undefined;
  }

  consumed(bytes: number): void {
    this.consumedBytes += bytes;
  }

  holdSpare(): void {}

  write(chunk: Buffer): boolean {
    if (this.isClosed) return false;
    this.sent.push(Buffer.from(chunk));
    if (this.takes) this.receiver?.written(chunk.length);
    else this.#waitingBytes += chunk.length;
    return this.takes;
  }

  /** What was written meanwhile is out of memory. */
  take(): void {
    this.takes = true;
    this.receiver?.written(this.#waitingBytes);
    this.#waitingBytes = 0;
  }

  end(): void {
    this.calls.push('end');
  }

  close(): void {
    this.calls.push('close');
  }

  reset(): void {
    this.calls.push('reset');
    this.isClosed = true;
  }

  /** Bytes come, in memory that is used for others at once. */
  data(text: string): boolean | undefined {
    const chunk = Buffer.from(text);
    const goesOn = this.receiver?.data(chunk, false, false);
    chunk.fill(0xff);
    return goesOn;
  }

  /** The stream is closed by its other end, or by what is below it. */
  closeAs(how: StreamClose): void {
    this.isClosed = true;
    this.receiver?.closed(how);
  }

  /** Both directions end in order. */
  finish(): void {
    this.receiver?.end();
    this.closeAs('ended');
  }
}
