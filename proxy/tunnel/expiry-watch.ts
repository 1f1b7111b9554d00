import { plusMs, type Clock, type EpochMs, type Timer } from '../../common/clock.ts';
import { atMoment, hasCome, momentAt, type Moment } from '../../common/dates.ts';
import type { AuthenticatedPeer } from './authenticated-peer.ts';
import type { TunnelEnd } from './tunnel.ts';

/** What the watch needs of a tunnel. */
export interface Expiring {
  readonly peer: Pick<AuthenticatedPeer, 'expiresMs'>;
  readonly openStreams: number;
  drain(reason: TunnelEnd): void;
  destroy(reason: TunnelEnd): void;
}

interface Peer {
  provenUntil: Moment;
  tunnels: number;
}

/**
 * Ends tunnels whose certificates have expired, on both sides, by one rule:
 *
 * - A tunnel is proof of the peer's identity until the peer's certificate expires.
 * - From then on it takes no new streams, and the streams that it carries live on only while the
 *   same peer has proven itself again: a later handshake with a certificate that is still valid.
 * - Without such a proof it is ended at once, streams and all (`expired`).
 * - Of our own certificates only the current one counts: the one that a tunnel was made with may have
 *   been replaced long ago, which is for the peer to judge. While the current one is expired, every
 *   tunnel is ended.
 *
 * So rotation drops no connection, however long it lives and whether or not the peer opens a new tunnel
 * when we renew, and an identity that can no longer renew loses all of its connections when its
 * certificate ends. Two tunnels are of the same peer when they have the same key, which holds the
 * identity and the address: a replica with the same identity cannot speak for one that was cut off.
 */
export class ExpiryWatch {
  readonly #clock: Clock;
  readonly #ownRemainingMs: () => number;
  readonly #peers = new Map<string, Peer>();

  /** @param ownRemainingMs how long our own current certificate is valid */
  constructor(clock: Clock, ownRemainingMs: () => number) {
    this.#clock = clock;
    this.#ownRemainingMs = ownRemainingMs;
  }

  /**
   * Watches a tunnel, which is also a proof for its older siblings.
   *
   * @returns what its owner calls when it is closed
   */
  add(key: string, tunnel: Expiring): () => void {
    const peer = this.#peers.get(key) ?? {
      provenUntil: momentAt(this.#clock, 0 as EpochMs),
      tunnels: 0,
    };
    this.#peers.set(key, peer);
    peer.tunnels += 1;
    const expires = momentAt(this.#clock, tunnel.peer.expiresMs);
    peer.provenUntil = later(peer.provenUntil, expires);
    let timer: Timer;
    const arm = (until: Moment): void => {
      const own = momentAt(this.#clock, plusMs(this.#clock.epochMs(), this.#ownRemainingMs()));
      timer = atMoment(this.#clock, later(until, own) === own ? until : own, () => judge(until));
    };
    const judge = (until: Moment): void => {
      if (this.#ownRemainingMs() <= 0) return tunnel.destroy('expired');
      // Our own certificate was renewed meanwhile.
      if (!hasCome(this.#clock, until)) return arm(until);
      const isProven = !hasCome(this.#clock, peer.provenUntil);
      if (tunnel.openStreams === 0 || !isProven) return tunnel.destroy('expired');
      tunnel.drain('expired');
      arm(peer.provenUntil);
    };
    arm(expires);
    return () => {
      timer.cancel();
      peer.tunnels -= 1;
      if (peer.tunnels === 0) this.#peers.delete(key);
    };
  }

  /** Tunnels of this peer that are open. */
  count(key: string): number {
    return this.#peers.get(key)?.tunnels ?? 0;
  }
}

function later(one: Moment, other: Moment): Moment {
  return one.monotonicMs > other.monotonicMs ? one : other;
}
