import type { MonotonicClock, Timer } from '../../common/clock.ts';
import { type ConnectionEnd, peerEnd } from './peer-end.ts';

/** How often a client that is not read is asked for: what it waits for is cancelled within that time. */
const LOOK_MS = 1_000;

/** Who reads a client's connection. */
export interface LeavingClientReader extends ConnectionEnd {
  /** Its descriptor is closed. */
  readonly isDestroyed: boolean;
  /** True while the client is not read. */
  readonly isPaused: boolean;
  /** The client has sent a FIN, behind bytes that were not read. */
  endWaits(): void;
  /** The client has broken off. */
  left(): void;
}

/**
 * Notices that a client leaves while nothing is read of it, because what it sent before waits for a slower reader: the
 * FIN or the RST would be read with the next bytes only. What the system has received it tells; a FIN behind more bytes
 * than the system takes has not come yet.
 */
export class LeavingClient {
  readonly #clock: MonotonicClock;
  readonly #reader: LeavingClientReader;
  #timer: Timer | undefined;

  constructor(clock: MonotonicClock, reader: LeavingClientReader) {
    this.#clock = clock;
    this.#reader = reader;
  }

  /** Nothing is read from now on. Costs one timer a second, however often it is paused and resumed. */
  paused(): void {
    this.#timer ??= this.#clock.after(LOOK_MS, this.#look);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    if (this.#reader.isDestroyed || !this.#reader.isPaused) return;
    const end = peerEnd(this.#reader);
    if (end === 'reset') return this.#reader.left();
    if (end === 'ended') this.#reader.endWaits();
    // A reset may follow the FIN.
    if (!this.#reader.isDestroyed) this.paused();
  };
}
