import type { Socket } from 'node:net';
import type { MonotonicClock } from '../clock.ts';

/** What a connection that waits for its handshake to begin is told. */
export type HandshakeTurn = 'begin' | 'late' | 'left';

interface Waiting {
  readonly socket: Pick<Socket, 'destroyed'>;
  readonly sinceMs: number;
  readonly resolve: (turn: HandshakeTurn) => void;
}

/** The first half of a handshake takes half a millisecond: calls on connections that are open wait for some 4 ms. */
const BEGIN_A_TURN = 8;
/** Turning one away costs a hundredth of a handshake. */
const LOOK_AT_A_TURN = 128;
/** Clients give up after 5 s, and the handshake has to be through by then: one that begins later is work for nothing. */
const LONGEST_WAIT_MS = 3_000;

/**
 * Begins handshakes a few at a turn of the event loop, so that thousands that come at once do not keep it from what is
 * open already: OpenSSL works inside of the turn in which a ClientHello is read.
 *
 * Those that wait take turns by their source, so that a flood of one is not in front of all others. What has waited for
 * so long that its client gives up before the end is not begun at all. Nothing waits for a handshake to end:
 * clients that begin one and fall silent hold up no other.
 */
export class HandshakeTurns {
  readonly #clock: Pick<MonotonicClock, 'monotonicMs'>;
  /** By source; the one whose turn it is is the first. */
  readonly #waiting = new Map<string, Waiting[]>();
  #scheduled = false;

  constructor(clock: Pick<MonotonicClock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** Resolves when the handshake is to begin, or not to begin any more. */
  wait(socket: Pick<Socket, 'destroyed'>, source: string): Promise<HandshakeTurn> {
    const { promise, resolve } = Promise.withResolvers<HandshakeTurn>();
    const waiting = { socket, sinceMs: this.#clock.monotonicMs(), resolve };
    const ofSource = this.#waiting.get(source);
    if (ofSource === undefined) this.#waiting.set(source, [waiting]);
    else ofSource.push(waiting);
    this.#schedule();
    return promise;
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0) return;
    this.#scheduled = true;
    // After the sockets of this turn were read.
    setImmediate(() => {
      this.#scheduled = false;
      this.#takeTurn();
      this.#schedule();
    });
  }

  #takeTurn(): void {
    const oldestMs = this.#clock.monotonicMs() - LONGEST_WAIT_MS;
    let [begun, seen] = [0, 0];
    // A source that is put back at the end is met again.
    for (const [source, ofSource] of this.#waiting) {
      if (begun === BEGIN_A_TURN || seen === LOOK_AT_A_TURN) return;
      seen += 1;
      const next = ofSource.shift();
      this.#waiting.delete(source);
      if (ofSource.length > 0) this.#waiting.set(source, ofSource);
      if (next === undefined) continue;
      const turn = next.socket.destroyed ? 'left' : next.sinceMs < oldestMs ? 'late' : 'begin';
      if (turn === 'begin') begun += 1;
      next.resolve(turn);
    }
  }
}
