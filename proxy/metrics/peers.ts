import type { RelayCounters, RelayOutcome } from '../stream/relay.ts';
import type { RequestCounters } from './requests/request-counters.ts';

/** From the application's point of view: `outbound` connections are the ones that it made. */
export type Direction = 'inbound' | 'outbound';

/** How a connection ended: as its relay did, or because the policy does not allow it any more. */
export type ConnectionEnd = RelayOutcome | 'denied';

/** What one (direction, peer) has carried, in plain numbers that hot paths add to. */
export interface PeerTraffic {
  readonly direction: Direction;
  /** The `peer` label. */
  readonly peer: string;
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

/** The label of all peers beyond the bound. */
const OTHER_PEER = 'other';

/** Keeps the traffic of all peers, with a bounded number of labels. */
export class PeerTable {
  readonly #rows = new Map<string, PeerTraffic>();
  readonly #peers = new Set<string>();
  readonly #maxPeers: number;

  constructor(maxPeers: number) {
    this.#maxPeers = maxPeers;
  }

  /** The row of a peer, or of `other` when there are too many. */
  of(direction: Direction, peerUri: string): PeerTraffic {
    return this.#rows.get(`${direction} ${peerUri}`) ?? this.#add(direction, peerUri);
  }

  rows(): Iterable<PeerTraffic> {
    return this.#rows.values();
  }

  #add(direction: Direction, peerUri: string): PeerTraffic {
    const peer = this.#hasRoomFor(peerUri) ? peerUri : OTHER_PEER;
    const key = `${direction} ${peer}`;
    const existing = this.#rows.get(key);
    if (existing !== undefined) return existing;
    const row: PeerTraffic = {
      direction,
      peer,
      counters: { bytesFromApp: 0, bytesToApp: 0 },
      opened: 0,
      closed: new Map(),
      audited: new Map(),
      failed: new Map(),
      requestsDenied: new Map(),
      requests: undefined,
    };
    this.#rows.set(key, row);
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
