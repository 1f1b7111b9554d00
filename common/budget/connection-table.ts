import type net from 'node:net';
import type { MonotonicClock, MonotonicMs } from '../clock.ts';
import { SharedBudget, type BudgetShare } from './shared-budget.ts';

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
  /** How long a connection that has sent no complete request is left alone; a second when it is left out. */
  readonly halfSentAfterMs?: number;
  /** What is one client, by its address: of the Internet (`clientNetwork`), or of networks of our own (`hostNetwork`). */
  readonly networkOf: (address: string) => string;
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

/** One that arrives takes the place of so many at most: the others may have come since its client had its part. */
const AT_ONCE = 4;

/**
 * How long the order of those that have to go is kept. Where there is no room, each connection that arrives
 * would otherwise cost a look at all of them: a millisecond for 10,000.
 */
const LOOK_INTERVAL_MS = 100;

/** In the order in which they have to go. */
type Rank = 0 | 1 | 2;
const [HALF_SENT, IDLE, SLOW] = [0, 1, 2] as const;

interface Entry {
  readonly socket: net.Socket;
  share: BudgetShare;
  requests: number;
  /** It has sent a complete request before. */
  proven: boolean;
  /** Since when it is in its state. */
  sinceMs: MonotonicMs;
  /** What had been moved when it was last given work. */
  bytes: number;
}

/** Connections among which one may have to go: all of them, or those of one client. */
interface Group {
  readonly entries: Set<Entry>;
  /** When they were looked at last, and in which order they have to go: those before `next` are gone. */
  order: { readonly atMs: MonotonicMs; readonly entries: Entry[]; next: number } | undefined;
}

/**
 * The connections of a listener. When there is no room for another one, those go that do the least:
 * first those that never sent a complete request, then those that rest between two, then the slowest. One
 * client has at most its part of what the others leave, and then makes room for
 * itself in the same way, so that it is never at the cost of others.
 */
export class ConnectionTable {
  readonly #options: ConnectionTableOptions;
  readonly #halfSentAfterMs: number;
  readonly #budget = new SharedBudget(0);
  readonly #all: Group = { entries: new Set(), order: undefined };
  readonly #clients = new Map<string, Group>();

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
    this.#halfSentAfterMs = options.halfSentAfterMs ?? HALF_SENT_AFTER_MS;
  }

  get size(): number {
    return this.#all.entries.size;
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
    for (let gone = 0; denied !== undefined && gone < AT_ONCE; gone += 1) {
      const group = denied === 'used-up' ? this.#all : this.#clients.get(share.holder);
      if (!this.#makeRoom(group)) break;
      denied = this.#budget.take(share);
    }
    if (denied !== undefined) {
      return denied === 'used-up' ? 'too-many-connections' : 'client-limit';
    }
    const sinceMs = this.#options.clock.monotonicMs();
    const entry: Entry = { socket, share, requests: 0, proven: false, sinceMs, bytes: 0 };
    this.#all.entries.add(entry);
    this.#join(entry);
    return {
      claim: (known) => this.#claim(entry, this.#shareOf(known)),
      begun: () => this.#begun(entry),
      ended: () => this.#ended(entry),
      leave: () => this.#leave(entry),
    };
  }

  #shareOf(client: string): BudgetShare {
    return { holder: this.#options.networkOf(client), fraction: this.#options.clientFraction() };
  }

  #claim(entry: Entry, share: BudgetShare): boolean {
    if (!this.#all.entries.has(entry)) return false;
    this.#budget.give(entry.share);
    this.#part(entry);
    entry.share = share;
    // It keeps its own place: only the part of its client may be used up.
    let taken = this.#budget.take(share) === undefined;
    for (let gone = 0; !taken && gone < AT_ONCE; gone += 1) {
      if (!this.#makeRoom(this.#clients.get(share.holder))) break;
      taken = this.#budget.take(share) === undefined;
    }
    if (taken) this.#join(entry);
    else this.#all.entries.delete(entry);
    return taken;
  }

  /** Into the group of its client. */
  #join(entry: Entry): void {
    const { holder } = entry.share;
    const group = this.#clients.get(holder) ?? { entries: new Set(), order: undefined };
    this.#clients.set(holder, group);
    group.entries.add(entry);
  }

  #part(entry: Entry): void {
    const { holder } = entry.share;
    const group = this.#clients.get(holder);
    group?.entries.delete(entry);
    if (group?.entries.size === 0) this.#clients.delete(holder);
  }

  #begun(entry: Entry): void {
    entry.requests += 1;
    entry.proven = true;
    if (entry.requests > 1) return;
    entry.sinceMs = this.#options.clock.monotonicMs();
    entry.bytes = bytesOf(entry.socket);
  }

  #ended(entry: Entry): void {
    entry.requests -= 1;
    if (entry.requests > 0) return;
    entry.sinceMs = this.#options.clock.monotonicMs();
    if (!this.#all.entries.has(entry)) return;
    // The last of those that may have to go, until they are looked at again.
    for (const group of [this.#all, this.#clients.get(entry.share.holder)]) {
      if (group?.order === undefined) continue;
      if (entry.sinceMs - group.order.atMs < LOOK_INTERVAL_MS) group.order.entries.push(entry);
      else group.order = undefined;
    }
  }

  #leave(entry: Entry): void {
    if (!this.#all.entries.delete(entry)) return;
    this.#part(entry);
    this.#budget.give(entry.share);
  }

  /** Ends the connection of these that does the least, if one may go. */
  #makeRoom(group: Group | undefined): boolean {
    if (group === undefined) return false;
    const nowMs = this.#options.clock.monotonicMs();
    // Not longer than it takes for who has just come to be one of the first to go.
    const intervalMs = Math.min(LOOK_INTERVAL_MS, this.#halfSentAfterMs);
    if (group.order === undefined || nowMs - group.order.atMs >= intervalMs) {
      group.order = { atMs: nowMs, entries: this.#inOrder(group, nowMs), next: 0 };
    }
    const { order } = group;
    while (order.next < order.entries.length) {
      const entry = order.entries[order.next];
      order.next += 1;
      // It may be gone by now, or be at work.
      if (entry === undefined || !group.entries.has(entry)) continue;
      if (this.#judge(entry, nowMs).rank === undefined) continue;
      this.#leave(entry);
      this.#options.displace(entry.socket);
      return true;
    }
    return false;
  }

  #inOrder({ entries }: Group, nowMs: MonotonicMs): Entry[] {
    return [...entries]
      .map((entry) => this.#judge(entry, nowMs))
      .filter(({ rank }) => rank !== undefined)
      .sort((a, b) => (a.rank ?? SLOW) - (b.rank ?? SLOW) || b.held - a.held || a.order - b.order)
      .map(({ entry }) => entry);
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
      const rank = proven ? IDLE : ageMs >= this.#halfSentAfterMs ? HALF_SENT : undefined;
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
