import type { Server, TLSSocket } from 'node:tls';
import type { MonotonicClock } from '../clock.ts';
import { TokenBucket, type Rate } from '../rate-limit.ts';

/**
 * KeyUpdates, or tickets, of one connection: each is 10 µs of work for 27 bytes. No connection needs more
 * than a few in its life.
 */
const RATE: Rate = { burst: 256, perSecond: 64 };

/** How the line begins that OpenSSL logs for the keys of a KeyUpdate, behind `CLIENT` or `SERVER`. */
const NEXT_SECRET = Buffer.from('_TRAFFIC_SECRET_N ');
const SIDE_LENGTH = 'CLIENT'.length;

interface Watched {
  readonly bucket: TokenBucket;
  onFlood: () => void;
  isOver: boolean;
}

/**
 * Ends TLS 1.3 connections whose peer sends messages that carry nothing and that OpenSSL takes without end:
 * KeyUpdates, each of which makes us derive keys, and a server's tickets. Node.js tells of each by its events for
 * debuggers, `keylog` and `session`, while it reads. Beyond the limit the socket is not read any more,
 * which ends the reading within 64 KiB: else one turn of the event loop would go on for up to 2 MiB.
 *
 * Records that are empty, or padding alone, and warnings are bounded by OpenSSL itself: 32, and 5, in a row.
 */
export class RecordWatch {
  readonly #clock: MonotonicClock;
  readonly #watched = new Map<TLSSocket, Watched>();

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** Watches every connection of a server; those without an `onFlood` of their own are just ended. */
  serve(server: Server): void {
    server.on('keylog', (line, socket) => this.#logged(line, socket));
  }

  /** Watches a connection that is being dialled. */
  dial(socket: TLSSocket): void {
    socket.on('keylog', (line: Buffer) => this.#logged(line, socket));
    socket.on('session', () => this.#count(socket));
  }

  /** @param onFlood tells why, and ends the connection */
  onFlood(socket: TLSSocket, onFlood: () => void): void {
    this.#of(socket).onFlood = onFlood;
  }

  #of(socket: TLSSocket): Watched {
    const known = this.#watched.get(socket);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(this.#clock, RATE);
    const watched = { bucket, onFlood: () => void socket.destroy(), isOver: false };
    if (socket.closed) return watched;
    this.#watched.set(socket, watched);
    socket.once('close', () => this.#watched.delete(socket));
    return watched;
  }

  #logged(line: Buffer, socket: TLSSocket): void {
    const label = line.subarray(SIDE_LENGTH, SIDE_LENGTH + NEXT_SECRET.length);
    if (label.equals(NEXT_SECRET)) this.#count(socket);
  }

  #count(socket: TLSSocket): void {
    const watched = this.#of(socket);
    if (watched.bucket.take()) return;
    // Each time: data between them may have begun it again.
    stopReading(socket);
    if (watched.isOver) return;
    watched.isOver = true;
    // OpenSSL is at work on this connection: it must not be freed from within.
    this.#clock.after(0, () => watched.onFlood());
  }
}

/** Node.js keeps it to itself; where it is missing, the connection ends a turn later. */
function stopReading(socket: TLSSocket): void {
  const handle = '_handle' in socket ? socket._handle : undefined;
  if (canStop(handle)) handle.readStop();
}

function canStop(handle: unknown): handle is { readStop(): void } {
  return typeof handle === 'object' && handle !== null && 'readStop' in handle;
}
