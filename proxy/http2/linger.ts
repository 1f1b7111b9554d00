import type { MonotonicClock, Timer } from '../../common/clock.ts';
import type { Transport } from './transport/transport.ts';

/** How long a connection that we have ended waits for what is under way, and for the peer's FIN. */
const LINGER_MS = 2_000;

/** A connection that we have ended: what still comes is thrown away, so that the peer can read why. */
export class Linger {
  readonly #transport: Transport;
  readonly #clock: MonotonicClock;
  readonly #maxBytes: number;
  #timer: Timer | undefined;
  #discardedBytes = 0;

  /** @param maxBytes is what an honest peer may have under way: the window */
  constructor(transport: Transport, clock: MonotonicClock, maxBytes: number) {
    this.#transport = transport;
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  /** A peer that reads nothing, or doesn't end its side, must not keep it. */
  begin(): void {
    this.#timer = this.#clock.after(LINGER_MS, () => this.#transport.destroy());
  }

  /** Throws away what has come; a flood is cut off before the time is over. */
  discard(bytes: number): void {
    this.#discardedBytes += bytes;
    if (this.#discardedBytes > this.#maxBytes) this.#transport.destroy();
  }

  cancel(): void {
    this.#timer?.cancel();
  }
}
