import type { ByteStream, StreamClose, StreamReceiver } from './byte-stream.ts';
import type { RelayCounters, RelayOutcome } from './relay.ts';

/** How a stream that a program of this process has used was closed. */
const OUTCOMES: Readonly<Record<StreamClose, RelayOutcome>> = {
  ended: 'complete',
  unread: 'complete',
  reset: 'peer-reset',
  shed: 'shed',
  lost: 'tunnel-lost',
};

/**
 * A stream whose bytes are counted, for a program of this process: it is the application.
 *
 * @param onClosed is told once how it ended
 */
export function countedStream(
  stream: ByteStream,
  counters: RelayCounters,
  onClosed: (outcome: RelayOutcome) => void,
): ByteStream {
  return new CountedStream(stream, counters, onClosed);
}

class CountedStream implements ByteStream {
  readonly #stream: ByteStream;
  readonly #counters: RelayCounters;
  readonly #onClosed: (outcome: RelayOutcome) => void;
  #isSettled = false;

  constructor(
    stream: ByteStream,
    counters: RelayCounters,
    onClosed: (outcome: RelayOutcome) => void,
  ) {
    this.#stream = stream;
    this.#counters = counters;
    this.#onClosed = onClosed;
  }

  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  attach(receiver: StreamReceiver): void {
    this.#stream.attach(new CountingReceiver(receiver, this.#counters, this.#settle));
  }

  start(): void {
    this.#stream.start();
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
    this.#counters.bytesFromApp += chunk.length;
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
    this.#settle('app-reset');
  }

  readonly #settle = (outcome: RelayOutcome): void => {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#onClosed(outcome);
  };
}

/** Hears the stream before its user does. */
class CountingReceiver implements StreamReceiver {
  readonly #receiver: StreamReceiver;
  readonly #counters: RelayCounters;
  readonly #settle: (outcome: RelayOutcome) => void;

  constructor(
    receiver: StreamReceiver,
    counters: RelayCounters,
    settle: (outcome: RelayOutcome) => void,
  ) {
    this.#receiver = receiver;
    this.#counters = counters;
    this.#settle = settle;
  }

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    this.#counters.bytesToApp += chunk.length;
    return this.#receiver.data(chunk, more, isOwned);
  }

  end(): void {
    this.#receiver.end();
  }

  written(bytes: number): void {
    this.#receiver.written(bytes);
  }

  spare(bytes: number): void {
    this.#receiver.spare(bytes);
  }

  closed(how: StreamClose): void {
    this.#settle(OUTCOMES[how]);
    this.#receiver.closed(how);
  }
}
