import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { MonotonicClock } from '../clock.ts';
import { isCostlyChain } from '../costly-certificates.ts';
import { hostNetwork } from '../network/ip-address.ts';
import { KeyedBuckets } from '../keyed-buckets.ts';
import type { Rate } from '../rate-limit.ts';

/** A handshake that is under way, and what its listener keeps beside it. */
export interface PendingHandshake<Notes> {
  /** The connection below TLS. */
  readonly socket: Socket;
  readonly notes: Notes;
}

/** A connection that had to go for another. */
export interface Evicted<Notes> {
  readonly address: string;
  readonly notes: Notes;
}

interface Entry<Notes> extends PendingHandshake<Notes> {
  /** Kept, since a socket that is closed does not know its own end any more. */
  readonly key: string;
  readonly address: string;
  readonly source: string;
  /** Its first byte is that of a TLS handshake: what begins otherwise brings no certificate to look at. */
  isTls: boolean;
}

/** The handshakes of one source, the oldest first: those that have said nothing, and those that have. */
interface Source<Notes> {
  readonly silent: Set<Entry<Notes>>;
  readonly begun: Set<Entry<Notes>>;
}

/** Both ends of a connection, by which a TLS socket finds the TCP socket below it. */
interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/** One source may have this part of all handshakes under way, so that there is room for others. */
const SOURCE_SHARE = 0.5;

/** A hello, and a certificate with one issuer, both of P-256: what is larger is looked at. */
const SMALL_BYTES = 3 * 1024;

/**
 * A hello, and a certificate with its issuers and cross-signatures. Where the bytes cannot be inspected any more, one that was larger
 * counts as costly; one of ours that breaks off while this host is overloaded must not.
 */
const USUAL_BYTES = 8 * 1024;

/** The content type of a record that holds a handshake. */
const HANDSHAKE_RECORD = 22;

/** Handshakes of one source with certificates that cost us up to 0.4 s each. */
const COSTLY_RATE: Rate = { burst: 2, perSecond: 1 / 10 };

/**
 * Bounds the handshakes under way, fairly among sources, such as the addresses of a host. When there are too many, the
 * source that has most loses one: the oldest of those that have said nothing, else the one whose first byte came first.
 * However fast one source opens connections, the handshakes of others have the time that they need. A source whose
 * clients showed certificates that are costly to look at has none for a while.
 */
export class PendingHandshakes<Notes> {
  readonly #entries = new Map<string, Entry<Notes>>();
  readonly #sources = new Map<string, Source<Notes>>();
  readonly #maxPending: number;
  readonly #maxOfSource: number;
  readonly #costly: KeyedBuckets | undefined;
  readonly #networkOf: (address: string) => string;

  /**
   * @param clock given where clients are asked for certificates
   * @param networkOf the source that an address belongs to
   */
  constructor(
    maxPending: number,
    clock?: Pick<MonotonicClock, 'monotonicMs'>,
    networkOf: (address: string) => string = hostNetwork,
  ) {
    this.#networkOf = networkOf;
    this.#costly = clock && new KeyedBuckets(clock, COSTLY_RATE);
    this.#maxPending = maxPending;
    this.#maxOfSource = Math.ceil(maxPending * SOURCE_SHARE);
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Lets a connection in, which is silent until `begin`.
   *
   * @param address where it comes from, when a proxy in front has told
   * @returns the one that had to go for it, if any; itself, when its source has cost too much
   */
  admit(
    socket: Socket,
    notes: Notes,
    address = socket.remoteAddress ?? '',
  ): Evicted<Notes> | undefined {
    const key = keyOf(socket);
    const entry = { key, socket, notes, address, source: this.#networkOf(address), isTls: false };
    if (this.#owes(entry)) {
      socket.destroy();
      return entry;
    }
    const source = this.#sourceOf(entry);
    // A port that is used again before the end of its last connection was told.
    this.#remove(key);
    this.#entries.set(key, entry);
    source.silent.add(entry);
    this.#sources.set(entry.source, source);
    socket.once('close', () => {
      if (this.#entries.get(key) === entry) this.#fail(key);
    });
    if (sizeOf(source) > this.#maxOfSource) return this.#evictFrom(source);
    return this.#entries.size > this.#maxPending ? this.evict() : undefined;
  }

  /**
   * The first byte of the connection has come: from now on its time counts.
   *
   * @returns its notes; undefined when it had to go
   */
  begin(socket: Socket): Notes | undefined {
    const entry = this.#entries.get(keyOf(socket));
    if (entry?.socket !== socket) return undefined;
    const source = this.#sourceOf(entry);
    if (source.silent.delete(entry)) source.begun.add(entry);
    entry.isTls = beginsHandshake(socket);
    return entry.notes;
  }

  /** Ends a handshake of the source that has most, if there is any. */
  evict(): Evicted<Notes> | undefined {
    let most: Source<Notes> | undefined;
    for (const source of this.#sources.values()) {
      if (most === undefined || sizeOf(source) > sizeOf(most)) most = source;
    }
    return most && this.#evictFrom(most);
  }

  /** Takes out a connection that is through its handshake. */
  secured(socket: TLSSocket): PendingHandshake<Notes> | undefined {
    const entry = this.#remove(keyOf(socket));
    if (hasSent(entry, SMALL_BYTES) && isCostlyChain(socket.getPeerX509Certificate()))
      this.#charge(entry);
    return entry;
  }

  /** Removes a connection whose handshake failed: what was in it is unknown. */
  failed(ends: Ends): PendingHandshake<Notes> | undefined {
    return this.#fail(keyOf(ends));
  }

  /** Takes out a connection whose handshake has not begun. */
  release(ends: Ends): PendingHandshake<Notes> | undefined {
    return this.#remove(keyOf(ends));
  }

  /** Ends all handshakes under way. */
  clear(): void {
    for (const { socket } of this.#entries.values()) socket.destroy();
    this.#entries.clear();
    this.#sources.clear();
  }

  #owes({ source }: Entry<Notes>): boolean {
    return this.#costly !== undefined && this.#costly.left(source) < 1;
  }

  /** What its source has under way may cost as much. */
  #charge(entry: Entry<Notes>): void {
    this.#costly?.take(entry.source);
    if (!this.#owes(entry)) return;
    const source = this.#sourceOf(entry);
    while (this.#evictFrom(source) !== undefined);
  }

  #evictFrom({ silent, begun }: Source<Notes>): Evicted<Notes> | undefined {
    const [oldest] = silent.size > 0 ? silent : begun;
    if (oldest === undefined) return undefined;
    const { key, socket, address, notes } = oldest;
    this.#remove(key);
    socket.destroy();
    return { address, notes };
  }

  #fail(key: string): Entry<Notes> | undefined {
    const entry = this.#remove(key);
    if (hasSent(entry, USUAL_BYTES) && entry.isTls) this.#charge(entry);
    return entry;
  }

  #sourceOf({ source }: Entry<Notes>): Source<Notes> {
    const known = this.#sources.get(source);
    return known ?? { silent: new Set(), begun: new Set() };
  }

  #remove(key: string): Entry<Notes> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    const source = this.#sourceOf(entry);
    source.silent.delete(entry);
    source.begun.delete(entry);
    if (sizeOf(source) === 0) this.#sources.delete(entry.source);
    return entry;
  }
}

function hasSent(entry: Entry<unknown> | undefined, bytes: number): entry is Entry<unknown> {
  return entry !== undefined && entry.socket.bytesRead > bytes;
}

/** Looks at the first byte that has come, and leaves it where it is (RFC 8446 section 5.1). */
function beginsHandshake(socket: Socket): boolean {
  const first: unknown = socket.read(1);
  if (!Buffer.isBuffer(first)) return false;
  socket.unshift(first);
  return first[0] === HANDSHAKE_RECORD;
}

function sizeOf({ silent, begun }: Source<unknown>): number {
  return silent.size + begun.size;
}

/** With the local end: one client may use a port of its own for two addresses of ours. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Ends): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
