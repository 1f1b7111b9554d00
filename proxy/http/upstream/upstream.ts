import type { BudgetShare } from '../../../common/budget/shared-budget.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard, Guarded } from '../../../common/guard.ts';
import { ClientShares, type QueueDenial } from './client-shares.ts';
import { IdleConnections } from './idle-connections.ts';
import {
  SharedPlace,
  type ClientAccount,
  type PlaceLender,
  type PlaceWaiter,
  type UpstreamConnection,
} from './place.ts';
import {
  PooledConnection,
  type ConnectionPool,
  type Dialled,
  type Speak,
} from './pooled-connection.ts';

/** What a pool of connections is made from. */
export interface UpstreamOptions {
  /** Opens a connection; the signal ends the wait. */
  readonly dial: (signal: AbortSignal) => Promise<Dialled>;
  /** Speaks HTTP on it. */
  readonly speak: Speak;
  /** True where one connection carries many requests at a time (HTTP/2). */
  readonly isShared: boolean;
  /** Requests that may be under way at a time; without it as many as its connections take, and in HTTP/1 more where many clients ask. */
  readonly maxRequests?: number | undefined;
  readonly clock: MonotonicClock;
  readonly guard: Pick<Guard, 'promise' | 'run'>;
  /** What the guard calls it. */
  readonly where: Guarded;
}

/** Includes every try on every endpoint. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Requests on one connection of HTTP/2 before another one is opened, which may lead to another endpoint. */
const BUSY_REQUESTS = 16;

/** More connections of HTTP/2 than this do not help one process. */
const MAX_SHARED = 16;

/**
 * What a connection of HTTP/2 is taken to carry as long as none has said. Most take more; but what clients have got
 * beyond their shares they would keep.
 */
const FEWEST_REQUESTS = 16;

/**
 * Requests of HTTP/1 to one destination, each on a connection of its own, of which each client has its share. There may be
 * more, of clients with few. A client by itself stays below what a sidecar with 4,096 descriptors has for its gateway.
 */
const HTTP1_PLACES = 4_096;

/** Where clients are not told apart. */
const EVERYBODY: BudgetShare = { holder: 'everybody', fraction: 1 };

/** Requests that wait for a connection, in all: where none can be had, or more are wanted than can be made. */
const MAX_WAITING = 4_096;

/** Connections to one destination, kept for the next request. */
export class Upstream implements ConnectionPool, PlaceLender {
  readonly isShared: boolean;
  readonly #options: UpstreamOptions;
  readonly #connections = new Set<PooledConnection>();
  readonly #idle: IdleConnections;
  /** Wait for a connection, with the account that their place is on. */
  readonly #waiters = new Map<PlaceWaiter, ClientAccount | undefined>();
  readonly #shares: ClientShares;
  readonly #maxRequests: number;
  readonly #dials = new Set<AbortController>();
  #isClosed = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.isShared = options.isShared;
    this.#idle = new IdleConnections(options.clock);
    const { isShared, maxRequests = Infinity } = options;
    this.#maxRequests = maxRequests;
    const isExact = maxRequests !== Infinity;
    const places = isShared ? MAX_SHARED * FEWEST_REQUESTS : isExact ? maxRequests : HTTP1_PLACES;
    this.#shares = new ClientShares(Math.min(places, maxRequests), isExact);
  }

  /**
   * A place on a connection now; undefined when the waiter is told of one, or of a failure: later, or before this returns
   * when too many wait.
   */
  place(waiter: PlaceWaiter): UpstreamConnection | undefined {
    const share = this.#shareOf(waiter);
    if (share === undefined) return this.#find(waiter, undefined);
    const account = this.#shares.take(share);
    if (account !== undefined) return this.#find(waiter, account);
    const denial = this.#shares.queue(waiter, share);
    if (denial !== undefined) waiter.failed(CROWDED[denial]);
    return undefined;
  }

  /** Waits no more. */
  cancel(waiter: PlaceWaiter): void {
    const account = this.#waiters.get(waiter);
    if (!this.#waiters.delete(waiter)) {
      const share = this.#shareOf(waiter);
      if (share !== undefined) this.#shares.forget(waiter, share);
      return;
    }
    this.giveBack(account);
    if (this.isShared || this.#dials.size <= this.#waiters.size) return;
    // The newest: those who wait longer need the others, and another client's requests must not put them off.
    const dial = [...this.#dials].at(-1);
    if (dial === undefined) return;
    this.#dials.delete(dial);
    dial.abort(CANCELLED);
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
    this.#idle.close();
    for (const dial of this.#dials) dial.abort(CANCELLED);
    for (const connection of this.#connections) connection.destroy();
  }

  // What connections tell.

  available(connection: PooledConnection): void {
    // It would be cut off in the middle of a request.
    if (connection.isLeaving) return this.#end(connection);
    if (connection.limit === 0 && !connection.isOver) return this.#retire(connection);
    this.#countPlaces();
    for (const [waiter, account] of this.#waiters) {
      // Of HTTP/1, one is being made for each.
      if (!connection.hasRoom) return this.isShared ? this.#dialForWaiters() : undefined;
      this.#waiters.delete(waiter);
      waiter.placed(this.#charged(connection, account));
    }
    if (connection.isUnused) this.#idle.keep(connection);
  }

  closed(connection: PooledConnection): void {
    this.#connections.delete(connection);
    this.#idle.forget(connection);
    this.#countPlaces();
    this.#dialForWaiters();
  }

  // Sharing.

  /** Undefined where nothing is counted. */
  #shareOf({ share }: PlaceWaiter): BudgetShare | undefined {
    return share ?? (this.#maxRequests === Infinity ? undefined : EVERYBODY);
  }

  /** A place on a connection, which the waiter's client has been charged for. */
  #find(waiter: PlaceWaiter, account: ClientAccount | undefined): UpstreamConnection | undefined {
    const connection = this.isShared ? this.#leastBusy() : this.#idle.take();
    if (connection !== undefined) return this.#charged(connection, account);
    if (this.#waiters.size >= MAX_WAITING) {
      if (account !== undefined) this.#shares.give(account);
      waiter.failed(CROWDED['too-many-requests']);
      return undefined;
    }
    this.#waiters.set(waiter, account);
    this.#dialForWaiters();
    return undefined;
  }

  #charged(connection: PooledConnection, account: ClientAccount | undefined): UpstreamConnection {
    if (account === undefined) return connection;
    return new SharedPlace(connection, this, account);
  }

  /** A place is free again, for a client that has waited for its share. */
  giveBack(account: ClientAccount | undefined): void {
    if (account === undefined) return;
    this.#shares.give(account);
    this.#serveQueued();
  }

  #serveQueued(): void {
    for (let turn = this.#shares.next(); turn !== undefined; turn = this.#shares.next()) {
      const place = this.#find(turn.waiter, turn.account);
      if (place !== undefined) turn.waiter.placed(place);
    }
  }

  /** Counts the places of HTTP/2 as servers have said; connections that are not there yet are taken for average ones. */
  #countPlaces(): void {
    if (!this.isShared) return;
    let known = 0;
    let sum = 0;
    for (const { isOver, limit } of this.#connections) {
      if (isOver || limit === undefined) continue;
      known += 1;
      sum += limit;
    }
    // Without a connection it is as it was last.
    const places = Math.min(Math.floor((MAX_SHARED * sum) / known), this.#maxRequests);
    if (known === 0 || !this.#shares.resize(places)) return;
    this.#serveQueued();
  }

  // Choosing.

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
    this.#idle.forget(least);
    return least;
  }

  #mayDial(): boolean {
    if (this.#isClosed || this.#dials.size > 0) return false;
    // Those that end with what they carry may do so for hours, and must not be in the way of others. They have no
    // count of their own: each carries a request, which is on its client's account, and took 64 resets.
    let open = 0;
    for (const { isOver } of this.#connections) if (!isOver) open += 1;
    return open < MAX_SHARED;
  }

  #dialForWaiters(): void {
    if (this.#isClosed) return;
    if (this.isShared) {
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
        (error: unknown) => this.#failed(giveUp.signal.aborted ? giveUp.signal.reason : error),
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
    if (error === CANCELLED) return;
    const waiters = this.isShared ? [...this.#waiters] : [...this.#waiters].slice(0, 1);
    for (const [waiter, account] of waiters) {
      // It may have been cancelled by what the one before it was told.
      if (!this.#waiters.delete(waiter)) continue;
      waiter.failed(error);
      this.giveBack(account);
    }
    this.#dialForWaiters();
  }

  /**
   * The server takes no request on it, for now or for good (RFC 9113 section 5.1.2): another one may take its place. Where it
   * carries nothing it was dialled in vain, which those who wait are told, so that they have none dialled in vain again at once.
   */
  #retire(connection: PooledConnection): void {
    if (connection.isUnused) this.#failed(TAKES_NOTHING);
    this.#end(connection);
    this.#dialForWaiters();
  }

  #end(connection: PooledConnection): void {
    this.#idle.forget(connection);
    connection.drain();
  }
}

/** The caller gave up. */
const CANCELLED = new Error('no request waits for the connection any more');
const TAKES_NOTHING = new Error(
  'expected a server that takes requests, got SETTINGS_MAX_CONCURRENT_STREAMS of 0',
);
/** Made once: what it says is the same each time. */
export const LATE = new Error(`there was no connection after ${CONNECT_TIMEOUT_MS / 1000} s`);

/** A request that may not even wait for a place. */
export class CrowdedError extends Error {
  readonly reason: QueueDenial;

  constructor(reason: QueueDenial, message: string) {
    super(message);
    this.reason = reason;
  }
}

const CROWDED: Readonly<Record<QueueDenial, CrowdedError>> = {
  'client-limit': new CrowdedError(
    'client-limit',
    'expected a client that leaves room for others, got one with all that it may have under way and waiting',
  ),
  'too-many-requests': new CrowdedError(
    'too-many-requests',
    `expected at most ${MAX_WAITING} requests that wait for the service, got one more`,
  ),
};
