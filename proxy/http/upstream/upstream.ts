import type { MonotonicClock, MonotonicMs, Timer } from '../../../common/clock.ts';
import type { Guard, Guarded } from '../../../common/guard.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import type {
  ClientConnection,
  ClientConnectionObserver,
  ClientExchange,
  ResponseReceiver,
} from '../exchange.ts';
import type { RequestHead } from '../message.ts';

/** A connection to a server, before HTTP is spoken on it. */
export interface Dialled {
  readonly stream: ByteStream;
  /** Who is there, for logs: a SPIFFE ID, or a server outside. */
  readonly peer: string;
  /** What the system or TLS said when it broke; undefined where nothing is known. */
  readonly failure?: () => Error | undefined;
  /** True when the server is going away: what is under way ends in order, and nothing more should be sent there. */
  readonly isLeaving?: () => boolean;
}

/** What a pool of connections is made from. */
export interface UpstreamOptions {
  /** Opens a connection; the signal ends the wait. */
  readonly dial: (signal: AbortSignal) => Promise<Dialled>;
  /** Speaks HTTP on it. */
  readonly speak: (stream: ByteStream, observer: ClientConnectionObserver) => ClientConnection;
  /** True where one connection carries many requests at a time (HTTP/2). */
  readonly isShared: boolean;
  readonly clock: MonotonicClock;
  readonly guard: Pick<Guard, 'promise' | 'run'>;
  /** What the guard calls it. */
  readonly where: Guarded;
}

/** Includes every try on every endpoint. */
const CONNECT_TIMEOUT_MS = 10_000;

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

/** Requests on one connection of HTTP/2 before another one is opened, which may lead to another endpoint. */
const BUSY_REQUESTS = 16;

/** More connections of HTTP/2 than this do not help one process. */
const MAX_SHARED = 16;

/** Waits for a place on a connection. */
export interface PlaceWaiter {
  /** There is one. */
  placed(connection: UpstreamConnection): void;
  /** There is none to be had. */
  failed(error: unknown): void;
}

/** One of a pool. */
export interface UpstreamConnection {
  readonly peer: string;
  /** What broke it, where that is known. */
  readonly brokenBy: Error | undefined;
  /** Sends a request; undefined when the connection has just ended. */
  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined;
  /** Once for each request that was sent: it is over. */
  release(): void;
}

/** Connections to one destination, kept for the next request. */
export class Upstream {
  readonly isShared: boolean;
  readonly #options: UpstreamOptions;
  readonly #connections = new Set<PooledConnection>();
  /** Those that carry nothing; the one used last comes last. */
  readonly #idle: PooledConnection[] = [];
  readonly #waiters = new Set<PlaceWaiter>();
  readonly #dials = new Set<AbortController>();
  #idleTimer: Timer | undefined;
  #isClosed = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.isShared = options.isShared;
  }

  /** A place on a connection now; undefined when the waiter is told of one, or of a failure, later. */
  place(waiter: PlaceWaiter): UpstreamConnection | undefined {
    const connection = this.#choose();
    if (connection !== undefined) return connection;
    this.#waiters.add(waiter);
    this.#dialForWaiters();
    return undefined;
  }

  /** Waits no more. */
  cancel(waiter: PlaceWaiter): void {
    if (!this.#waiters.delete(waiter)) return;
    if (this.#options.isShared || this.#dials.size <= this.#waiters.size) return;
    for (const dial of this.#dials) return dial.abort(CANCELLED);
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Keeps no connection any more; each ends with what it carries. */
  drain(): void {
    for (const connection of this.#connections) connection.drain();
  }

  /** Ends all connections at once. */
  close(): void {
    this.#isClosed = true;
    this.#idleTimer?.cancel();
    for (const dial of this.#dials) dial.abort(CANCELLED);
    for (const connection of this.#connections) connection.destroy();
  }

  // What connections tell.

  available(connection: PooledConnection): void {
    // It would be cut off in the middle of a request.
    if (connection.isLeaving) return this.#end(connection);
    for (const waiter of this.#waiters) {
      if (!connection.hasRoom) return;
      this.#waiters.delete(waiter);
      waiter.placed(connection);
    }
    if (connection.isUnused) this.#keep(connection);
  }

  closed(connection: PooledConnection): void {
    this.#connections.delete(connection);
    this.#forgetIdle(connection);
    this.#dialForWaiters();
  }

  // Choosing.

  #choose(): PooledConnection | undefined {
    if (this.#options.isShared) return this.#leastBusy();
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      connection.isKept = false;
      if (connection.isLeaving) connection.drain();
      else if (connection.hasRoom) return connection;
    }
  }

  #leastBusy(): PooledConnection | undefined {
    let least: PooledConnection | undefined;
    for (const connection of this.#connections) {
      if (!connection.hasRoom) continue;
      if (connection.isLeaving) {
        connection.drain();
        continue;
      }
      if (least === undefined || connection.active < least.active) least = connection;
    }
    if (least === undefined) return undefined;
    // While another one is being opened, those that are there carry on.
    if (least.active >= BUSY_REQUESTS && this.#mayDial()) this.#dial();
    this.#forgetIdle(least);
    return least;
  }

  #mayDial(): boolean {
    return !this.#isClosed && this.#dials.size === 0 && this.#connections.size < MAX_SHARED;
  }

  #dialForWaiters(): void {
    if (this.#isClosed) return;
    if (this.#options.isShared) {
      if (this.#waiters.size > 0 && this.#mayDial()) this.#dial();
      return;
    }
    for (let missing = this.#waiters.size - this.#dials.size; missing > 0; missing -= 1) {
      this.#dial();
    }
  }

  #dial(): void {
    const { clock, guard, where } = this.#options;
    const giveUp = new AbortController();
    this.#dials.add(giveUp);
    const deadline = clock.after(CONNECT_TIMEOUT_MS, () => giveUp.abort(LATE));
    const dialling = this.#connect(giveUp.signal).finally(() => {
      deadline.cancel();
      this.#dials.delete(giveUp);
    });
    guard.promise(
      where,
      dialling.then(
        (connection) => this.available(connection),
        (error: unknown) => this.#failed(giveUp.signal.reason === LATE ? LATE : error),
      ),
    );
  }

  async #connect(signal: AbortSignal): Promise<PooledConnection> {
    const dialled = await this.#options.dial(signal);
    if (this.#isClosed || signal.aborted) {
      dialled.stream.reset();
      throw CANCELLED;
    }
    const connection = new PooledConnection(this, dialled);
    this.#connections.add(connection);
    connection.start(this.#options.speak);
    return connection;
  }

  /** One attempt to connect is worth one request of HTTP/1, and all that wait for a connection of HTTP/2. */
  #failed(error: unknown): void {
    if (error === CANCELLED) return this.#dialForWaiters();
    const waiters = this.#options.isShared ? [...this.#waiters] : [...this.#waiters].slice(0, 1);
    for (const waiter of waiters) {
      this.#waiters.delete(waiter);
      waiter.failed(error);
    }
    this.#dialForWaiters();
  }

  // Keeping.

  #keep(connection: PooledConnection): void {
    if (connection.isKept) return;
    if (!connection.hasRoom) return;
    connection.isKept = true;
    connection.idleSinceMs = this.#options.clock.monotonicMs();
    this.#idle.push(connection);
    this.#idleTimer ??= this.#options.clock.after(SURPLUS_IDLE_MS, this.#onIdle);
  }

  readonly #onIdle = (): void => {
    this.#idleTimer = undefined;
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    for (;;) {
      const [oldest] = this.#idle;
      if (oldest === undefined) return;
      const idleMs = this.#idle.length > MAX_IDLE ? SURPLUS_IDLE_MS : IDLE_MS;
      const leftMs = oldest.idleSinceMs + idleMs - nowMs;
      if (leftMs > 0) {
        // There may be a surplus by then.
        this.#idleTimer = clock.after(Math.min(leftMs, SURPLUS_IDLE_MS), this.#onIdle);
        return;
      }
      this.#end(oldest);
    }
  };

  #end(connection: PooledConnection): void {
    this.#forgetIdle(connection);
    connection.drain();
  }

  #forgetIdle(connection: PooledConnection): void {
    if (!connection.isKept) return;
    connection.isKept = false;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

/** The caller gave up. */
const CANCELLED = new Error('no request waits for the connection any more');
/** Made once: what it says is the same each time. */
export const LATE = new Error(`there was no connection after ${CONNECT_TIMEOUT_MS / 1000} s`);

/** A connection, and what it carries. */
class PooledConnection implements UpstreamConnection, ClientConnectionObserver {
  isKept = false;
  idleSinceMs: MonotonicMs = 0 as MonotonicMs;
  active = 0;
  readonly #pool: Upstream;
  readonly #dialled: Dialled;
  #connection: ClientConnection | undefined;

  constructor(pool: Upstream, dialled: Dialled) {
    this.#pool = pool;
    this.#dialled = dialled;
  }

  start(speak: UpstreamOptions['speak']): void {
    this.#connection = speak(this.#dialled.stream, this);
  }

  get peer(): string {
    return this.#dialled.peer;
  }

  get brokenBy(): Error | undefined {
    return this.#dialled.failure?.();
  }

  get isLeaving(): boolean {
    return this.#dialled.isLeaving?.() === true;
  }

  get hasRoom(): boolean {
    return this.#connection !== undefined && this.#connection.capacity > 0;
  }

  get isUnused(): boolean {
    return this.active === 0 && this.#connection?.isIdle === true;
  }

  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined {
    const exchange = this.#connection?.request(head, isWhole, receiver);
    if (exchange !== undefined) this.active += 1;
    return exchange;
  }

  release(): void {
    this.active -= 1;
    if (this.isUnused) this.#pool.available(this);
  }

  drain(): void {
    this.#connection?.drain();
  }

  destroy(): void {
    this.#connection?.destroy();
  }

  available(): void {
    this.#pool.available(this);
  }

  closed(): void {
    this.#pool.closed(this);
  }
}
