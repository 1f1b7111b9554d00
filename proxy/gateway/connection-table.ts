import type net from 'node:net';
import { SharedBudget } from '../../common/budget/shared-budget.ts';
import type { BudgetShare } from '../../common/budget/shares.ts';
import type { MonotonicClock, MonotonicMs } from '../../common/clock.ts';
import { clientNetwork } from '../../common/ip-address.ts';

/** Told by what serves a connection, so that it is known which connections do the least. */
export interface ConnectionActivity {
  /** The client has sent a complete request, or what it wants to be carried is under way. */
  begun(): void;
  /** The answer is complete. */
  ended(): void;
}

/** A connection with a place in the table. */
export interface TableEntry extends ConnectionActivity {
  /** It is known now who the client is. False: it has as many connections as it may have. */
  claim(client: string): boolean;
  /** The connection has ended. */
  leave(): void;
}

/** What a table needs. */
export interface ConnectionTableOptions {
  readonly clock: Pick<MonotonicClock, 'monotonicMs'>;
  /** How many there may be now. */
  readonly capacity: () => number;
  /** The part of what the others leave that one client may have; 1: all of it. */
  readonly clientFraction: () => number;
  /** Ends a connection, to make room for another. */
  readonly displace: (socket: net.Socket) => void;
}

/** Connections of a client that has not been heard of yet, behind a proxy that will say who it is. */
const UNKNOWN: BudgetShare = { holder: 'unknown', fraction: 1 };

/** A client that works has moved something by then. */
const SLOW_AFTER_MS = 10_000;

/** Less than a modem; a request that waits for its answer moves nothing either, but not for long. */
const SLOW_BYTES_PER_SECOND = 128;

/** A hello, or a request, takes a round trip or two on a bad line. */
const HALF_SENT_AFTER_MS = 1_000;

/** Half-sent connections that go at once when there is no room, so that looking for them costs little. */
const AT_ONCE = 1 / 64;

/** In the order in which they have to go. */
type Rank = 0 | 1 | 2;
const [HALF_SENT, IDLE, SLOW] = [0, 1, 2] as const;

interface Entry {
  readonly socket: net.Socket;
  share: BudgetShare;
  requests: number;
  /** It has sent a complete request before. */
  proven: boolean;
  /** Since when it is in its state, and what had been moved by then. */
  sinceMs: MonotonicMs;
  bytes: number;
}

/**
 * The connections of a listener. When there is no room for another one, those go that do the least:
 * first those that never sent a complete request, then those that rest between two, then the slowest. One
 * client address (a /64 of IPv6) has at most its part of what the others leave, and then makes room for
 * itself in the same way, so that it is never at the cost of others.
 */
export class ConnectionTable {
  readonly #options: ConnectionTableOptions;
  readonly #budget = new SharedBudget(0);
  readonly #entries = new Set<Entry>();

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * A connection has arrived.
   *
   * @param client its address; undefined when a proxy will say it, and `claim` comes later
   * @returns why there is no place for it
   */
  admit(
    socket: net.Socket,
    client: string | undefined,
  ): TableEntry | 'client-limit' | 'too-many-connections' {
    this.#budget.resize(this.#options.capacity());
    const share = client === undefined ? UNKNOWN : this.#shareOf(client);
    let denied = this.#budget.take(share);
    if (denied !== undefined && this.#makeRoom(denied === 'used-up' ? undefined : share)) {
      denied = this.#budget.take(share);
    }
    if (denied !== undefined) {
      return denied === 'used-up' ? 'too-many-connections' : 'client-limit';
    }
    const sinceMs = this.#options.clock.monotonicMs();
    const entry: Entry = { socket, share, requests: 0, proven: false, sinceMs, bytes: 0 };
    this.#entries.add(entry);
    return {
      claim: (known) => this.#claim(entry, this.#shareOf(known)),
      begun: () => this.#begun(entry),
      ended: () => this.#ended(entry),
      leave: () => this.#leave(entry),
    };
  }

  #shareOf(client: string): BudgetShare {
    return { holder: clientNetwork(client), fraction: this.#options.clientFraction() };
  }

  #claim(entry: Entry, share: BudgetShare): boolean {
    if (!this.#entries.has(entry)) return false;
    this.#budget.give(entry.share);
    entry.share = share;
    // It keeps its own place: only the part of its client may be used up.
    const taken =
      this.#budget.take(share) === undefined ||
      (this.#makeRoom(share, entry) && this.#budget.take(share) === undefined);
    if (!taken) this.#entries.delete(entry);
    return taken;
  }

  #begun(entry: Entry): void {
    entry.requests += 1;
    entry.proven = true;
    if (entry.requests === 1) this.#turn(entry);
  }

  #ended(entry: Entry): void {
    entry.requests -= 1;
    if (entry.requests === 0) this.#turn(entry);
  }

  #turn(entry: Entry): void {
    entry.sinceMs = this.#options.clock.monotonicMs();
    entry.bytes = bytesOf(entry.socket);
  }

  #leave(entry: Entry): void {
    if (this.#entries.delete(entry)) this.#budget.give(entry.share);
  }

  /** @param of only connections of this client */
  #makeRoom(of: BudgetShare | undefined, but?: Entry): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const candidates = [...this.#entries]
      .filter((entry) => entry !== but && (of === undefined || entry.share.holder === of.holder))
      .map((entry) => this.#judge(entry, nowMs))
      .filter(({ rank }) => rank !== undefined)
      .sort((a, b) => (a.rank ?? SLOW) - (b.rank ?? SLOW) || b.held - a.held || a.order - b.order);
    const [first, ...others] = candidates;
    if (first === undefined) return false;
    const more = Math.floor(this.#budget.capacity * AT_ONCE);
    const halfSent = others.filter(({ rank }) => rank === HALF_SENT).slice(0, more);
    for (const { entry } of first.rank === HALF_SENT ? [first, ...halfSent] : [first]) {
      this.#leave(entry);
      this.#options.displace(entry.socket);
    }
    return true;
  }

  /** The rank is undefined for a connection that has to stay; less of `order` goes first. */
  #judge(
    entry: Entry,
    nowMs: MonotonicMs,
  ): {
    readonly entry: Entry;
    readonly rank: Rank | undefined;
    readonly held: number;
    readonly order: number;
  } {
    const { socket, share, requests, proven, sinceMs, bytes } = entry;
    const held = this.#budget.heldBy(share.holder);
    const ageMs = nowMs - sinceMs;
    if (requests === 0) {
      const rank = proven ? IDLE : ageMs >= HALF_SENT_AFTER_MS ? HALF_SENT : undefined;
      return { entry, rank, held, order: sinceMs };
    }
    const perSecond = ((bytesOf(socket) - bytes) / Math.max(ageMs, 1)) * 1_000;
    const isSlow = ageMs >= SLOW_AFTER_MS && perSecond < SLOW_BYTES_PER_SECOND;
    return { entry, rank: isSlow ? SLOW : undefined, held: 0, order: perSecond };
  }
}

function bytesOf({ bytesRead, bytesWritten }: net.Socket): number {
  return bytesRead + bytesWritten;
}
