import type { RelayCounters, RelayOutcome } from '../stream/relay.ts';
import { RequestCounters } from './requests/request-counters.ts';

/** From the application's point of view: `outbound` connections are the ones that it made. */
export type Direction = 'inbound' | 'outbound';

/** How a connection ended: as its relay did, or because the policy does not allow it any more. */
export type ConnectionEnd = RelayOutcome | 'denied';

/** What one (direction, peer, port) has carried, in plain numbers that hot paths add to. */
export interface PeerTraffic {
  readonly direction: Direction;
  /** The `peer` label. */
  readonly peer: string;
  /** The port that was called; 0 where it is not known, or beyond the number that is told apart. */
  readonly port: number;
  /** `bytesFromApp` was sent to the peer, `bytesToApp` was received from it, in either direction. */
  readonly counters: RelayCounters;
  opened: number;
  readonly closed: Map<ConnectionEnd, number>;
  /** By the name of the rule. */
  readonly audited: Map<string, number>;
  readonly failed: Map<string, number>;
  /** Requests, by reason. */
  readonly requestsDenied: Map<string, number>;
  /** From the first request on that was seen. */
  requests: RequestCounters | undefined;
}

/**
 * The most peers that get a label of their own. A mesh of Compose projects has tens of services; the
 * bound keeps a peer that makes up identities by the thousand from filling Prometheus.
 */
export const MAX_PEER_LABELS = 1000;

/** Ports that are told apart, of all peers together. */
const MAX_ROWS = 4_000;

/** Of one of them: it can call as many ports as there are, and would leave none for the others. */
const MAX_PORTS_OF_PEER = 100;

/** The label of all peers beyond the bound. */
const OTHER_PEER = 'other';

/** No port: not known, or one too many. */
const NO_PORT = 0;
const MAX_PORT = 65_535;
const MAX_PORT_DIGITS = 5;
const DIGIT_ZERO = 0x30;

/**
 * Keeps the traffic of all peers, with a bounded number of labels. Ports are for those who watch; metrics have the
 * sums of them.
 */
export class PeerTable {
  readonly #rows = new Map<string, PeerTraffic>();
  /** The rows of a peer, which differ in their ports. */
  readonly #byPeer = new Map<string, PeerTraffic[]>();
  readonly #peers = new Set<string>();
  readonly #maxPeers: number;
  readonly #maxRows: number;

  constructor(maxPeers: number, maxRows = MAX_ROWS) {
    this.#maxPeers = maxPeers;
    this.#maxRows = maxRows;
  }

  /** The row of a peer, or of `other` when there are too many. */
  of(direction: Direction, peerUri: string, port = NO_PORT): PeerTraffic {
    return this.#rows.get(rowKey(direction, peerUri, port)) ?? this.#add(direction, peerUri, port);
  }

  /** One for each port of a peer. */
  rows(): Iterable<PeerTraffic> {
    return this.#rows.values();
  }

  /** One for each peer; those of several ports are sums, which nothing is to be added to. */
  *byPeer(): Iterable<PeerTraffic> {
    for (const [row, ...others] of this.#byPeer.values()) {
      if (row !== undefined) yield others.length === 0 ? row : sumOf(row, others);
    }
  }

  #add(direction: Direction, peerUri: string, wantedPort: number): PeerTraffic {
    const peer = this.#hasRoomFor(peerUri) ? peerUri : OTHER_PEER;
    const peerKey = `${direction} ${peer}`;
    const siblings = this.#byPeer.get(peerKey) ?? [];
    const hasRoom = this.#rows.size < this.#maxRows && siblings.length < MAX_PORTS_OF_PEER;
    const port = hasRoom ? wantedPort : NO_PORT;
    const key = rowKey(direction, peer, port);
    const existing = this.#rows.get(key);
    if (existing !== undefined) return existing;
    const row = newRow({ direction, peer, port });
    this.#rows.set(key, row);
    siblings.push(row);
    this.#byPeer.set(peerKey, siblings);
    return row;
  }

  #hasRoomFor(peerUri: string): boolean {
    if (!this.#peers.has(peerUri)) {
      if (this.#peers.size >= this.#maxPeers) return false;
      this.#peers.add(peerUri);
    }
    return true;
  }
}

function rowKey(direction: Direction, peer: string, port: number): string {
  return `${direction} ${port} ${peer}`;
}

function newRow(name: Pick<PeerTraffic, 'direction' | 'peer' | 'port'>): PeerTraffic {
  return {
    ...name,
    counters: { bytesFromApp: 0, bytesToApp: 0 },
    opened: 0,
    closed: new Map(),
    audited: new Map(),
    failed: new Map(),
    requestsDenied: new Map(),
    requests: undefined,
  };
}

function sumOf(first: PeerTraffic, others: readonly PeerTraffic[]): PeerTraffic {
  const sum = newRow({ direction: first.direction, peer: first.peer, port: NO_PORT });
  for (const row of [first, ...others]) {
    sum.counters.bytesFromApp += row.counters.bytesFromApp;
    sum.counters.bytesToApp += row.counters.bytesToApp;
    sum.opened += row.opened;
    addCounts(sum.closed, row.closed);
    addCounts(sum.audited, row.audited);
    addCounts(sum.failed, row.failed);
    addCounts(sum.requestsDenied, row.requestsDenied);
    if (row.requests === undefined) continue;
    sum.requests ??= new RequestCounters();
    sum.requests.addAll(row.requests);
  }
  return sum;
}

function addCounts<Reason>(to: Map<Reason, number>, from: ReadonlyMap<Reason, number>): void {
  for (const [reason, count] of from) to.set(reason, (to.get(reason) ?? 0) + count);
}

/** The port of `HOST:PORT`, also where that is a server outside (`tls://HOST:PORT`); 0 when there is none. */
export function portOf(place: string): number {
  const start = place.lastIndexOf(':') + 1;
  const digits = place.length - start;
  if (start === 0 || digits === 0 || digits > MAX_PORT_DIGITS) return NO_PORT;
  let port = 0;
  for (let at = start; at < place.length; at += 1) {
    const digit = place.charCodeAt(at) - DIGIT_ZERO;
    // A peer writes what it likes, as -5 or 1e3, which is no port.
    if (digit < 0 || digit > 9) return NO_PORT;
    port = port * 10 + digit;
  }
  return port <= MAX_PORT ? port : NO_PORT;
}

/** The connections of a row that have ended. */
export function closedCount(row: PeerTraffic): number {
  let sum = 0;
  for (const count of row.closed.values()) sum += count;
  return sum;
}

/** Adds one to a count by reason. */
export function increment<Reason>(counts: Map<Reason, number>, reason: Reason): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}
