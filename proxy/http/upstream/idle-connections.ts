import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import type { PooledConnection } from './pooled-connection.ts';

/**
 * Kept for the next request. nginx keeps them for 60 s, for which it needs new handshakes; here a connection is a
 * stream of a tunnel that is there anyway. The longer one is kept, the more often the service ends it (Apache after
 * 5 s, Node.js after 5 s, others after 60) in the moment in which a POST is sent on it, which must not be repeated; and
 * an endpoint that drains waits for it.
 */
const IDLE_MS = 15_000;

/** Connections of HTTP/1 that are kept for so long; where more are idle, those unused the longest end sooner. */
const MAX_IDLE = 64;

/**
 * What is idle beyond that was in use a moment ago: answers come in bursts, and with hundreds of clients most connections
 * are idle between two. To end those at once would be a new connection for each of the next requests, which costs more
 * than the request. A server that has a process for each connection gets them back soon.
 */
const SURPLUS_IDLE_MS = 2_000;

/** Connections that carry nothing, kept for the next request for a time. */
export class IdleConnections {
  readonly #clock: MonotonicClock;
  /** The one used last comes last. */
  readonly #connections: PooledConnection[] = [];
  #timer: Timer | undefined;

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** Keeps one, unless it is kept or takes no request. */
  keep(connection: PooledConnection): void {
    if (connection.isKept) return;
    if (!connection.hasRoom) return;
    connection.isKept = true;
    connection.idleSinceMs = this.#clock.monotonicMs();
    this.#connections.push(connection);
    this.#timer ??= this.#clock.after(SURPLUS_IDLE_MS, this.#onIdle);
  }

  /** One that takes a request; those of servers that are leaving end. Undefined when there is none. */
  take(): PooledConnection | undefined {
    for (;;) {
      const connection = this.#connections.pop();
      if (connection === undefined) return undefined;
      connection.isKept = false;
      if (connection.isLeaving) connection.drain();
      else if (connection.hasRoom) return connection;
    }
  }

  /** It carries something, or has ended. */
  forget(connection: PooledConnection): void {
    if (!connection.isKept) return;
    connection.isKept = false;
    const at = this.#connections.indexOf(connection);
    if (at >= 0) this.#connections.splice(at, 1);
  }

  /** Ends none any more. */
  close(): void {
    this.#timer?.cancel();
  }

  readonly #onIdle = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (;;) {
      const [oldest] = this.#connections;
      if (oldest === undefined) return;
      const idleMs = this.#connections.length > MAX_IDLE ? SURPLUS_IDLE_MS : IDLE_MS;
      const leftMs = oldest.idleSinceMs + idleMs - nowMs;
      if (leftMs > 0) {
        // There may be a surplus by then.
        this.#timer = this.#clock.after(Math.min(leftMs, SURPLUS_IDLE_MS), this.#onIdle);
        return;
      }
      this.forget(oldest);
      oldest.drain();
    }
  };
}
