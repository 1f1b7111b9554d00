import type { MonotonicClock, Timer } from '../clock.ts';
import type { Closeable } from '../lifecycle.ts';

/** A TLS connection whose records are watched. */
export interface WatchedConnection {
  /** The connection below TLS: what comes from the network. */
  readonly raw: { readonly bytesRead: number };
  /** What is inside of it. */
  readonly secured: {
    readonly bytesRead: number;
    readonly bytesWritten: number;
    getProtocol(): string | null;
    once(event: 'close', listener: () => void): unknown;
  };
  /**
   * Records with data that have come so far. `exact` counts each of them; otherwise only what was made of
   * them is known (requests, pieces of bodies), and some are allowed for what we send, which a peer
   * acknowledges.
   */
  readonly dataRecords: () => number;
  readonly exact: boolean;
  /** The peer makes us work without carrying anything: ends the connection, and tells why. */
  readonly onFlood: () => void;
}

interface Watched extends WatchedConnection {
  lastExcess: number;
  lastMs: number;
  tokens: number;
}

/** Header, content type and authentication tag of a record (RFC 8446 section 5.2). */
const RECORD_OVERHEAD_BYTES = 22;

/** A peer acknowledges what we send (WINDOW_UPDATE of HTTP/2) with a record for so much, or for more. */
const WRITTEN_PER_RECORD_BYTES = 1_024;

/**
 * Bytes of records beyond those that carry data. At once: a whole record may be under way (16 KiB), and
 * what was read of a request may not have been counted yet; all that, in KeyUpdates, is less than one turn
 * of the event loop reads. After that 1,200 KeyUpdates a second, a hundredth of a core.
 */
const ALLOWANCE = { burstBytes: 64 * 1024, bytesPerSecond: 32 * 1024 };

/** A turn of the event loop reads up to 300 KB of one connection: 0.1 s of KeyUpdates. */
const INTERVAL_MS = 100;

/**
 * Ends TLS 1.3 connections whose peer sends records that carry nothing: KeyUpdates above all, each of
 * which makes us derive keys, 27 bytes of theirs for 10 µs of ours, and which OpenSSL takes without end.
 * Records are encrypted, but what came and what was in it are both counted:
 *
 *     bytes from the network - bytes of data - 22 for each record with data = bytes that carried nothing
 *
 * A record with a byte of data is not counted, however small it is.
 */
export class RecordWatch implements Closeable {
  readonly #clock: MonotonicClock;
  readonly #connections = new Set<Watched>();
  #timer: Timer | undefined;

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** Watches a connection, whose handshake is over, until it is closed. */
  add(connection: WatchedConnection): void {
    // In TLS 1.2 there is nothing of the kind, and OpenSSL bounds empty records.
    if (connection.secured.getProtocol() !== 'TLSv1.3') return;
    const watched = {
      ...connection,
      lastExcess: excessOf(connection),
      lastMs: this.#clock.monotonicMs(),
      tokens: ALLOWANCE.burstBytes,
    };
    this.#connections.add(watched);
    connection.secured.once('close', () => this.#connections.delete(watched));
    this.#timer ??= this.#schedule();
  }

  close(): void {
    this.#connections.clear();
    this.#timer?.cancel();
  }

  #schedule(): Timer {
    return this.#clock.after(INTERVAL_MS, () => {
      this.#timer = this.#connections.size === 0 ? undefined : this.#schedule();
      const nowMs = this.#clock.monotonicMs();
      for (const connection of this.#connections) this.#look(connection, nowMs);
    });
  }

  #look(connection: Watched, nowMs: number): void {
    const excess = excessOf(connection);
    const gained = ((nowMs - connection.lastMs) / 1000) * ALLOWANCE.bytesPerSecond;
    // What was under way at the last look, and is data now, is given back.
    const left = connection.tokens + gained - (excess - connection.lastExcess);
    connection.tokens = Math.min(left, ALLOWANCE.burstBytes);
    connection.lastExcess = excess;
    connection.lastMs = nowMs;
    // No number: it is being closed.
    if (!(connection.tokens < 0)) return;
    this.#connections.delete(connection);
    connection.onFlood();
  }
}

function excessOf({ raw, secured, dataRecords, exact }: WatchedConnection): number {
  const acknowledgements = exact ? 0 : secured.bytesWritten / WRITTEN_PER_RECORD_BYTES;
  const records = dataRecords() + acknowledgements;
  return raw.bytesRead - secured.bytesRead - RECORD_OVERHEAD_BYTES * records;
}
