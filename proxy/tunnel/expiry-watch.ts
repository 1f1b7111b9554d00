import type { Clock, Timer } from '../../common/clock.ts';
import type { TunnelEnd } from './tunnel.ts';

/** What the watch needs of a tunnel. */
export interface Expiring {
  /** When the peer's certificate ends that it was made with. */
  readonly expiresMs: number;
  readonly openStreams: number;
  readonly closed: Promise<TunnelEnd>;
  drain(reason: TunnelEnd): void;
  destroy(reason: TunnelEnd): void;
}

interface Peer {
  provenUntilMs: number;
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
  readonly #ownExpiresMs: () => number;
  readonly #peers = new Map<string, Peer>();

  /** @param ownExpiresMs when our own current certificate ends, in milliseconds since the epoch */
  constructor(clock: Clock, ownExpiresMs: () => number) {
    this.#clock = clock;
    this.#ownExpiresMs = ownExpiresMs;
  }

  /** Watches a tunnel, which is also a proof for its older siblings, until it is closed. */
  add(key: string, tunnel: Expiring): void {
    const peer = this.#peers.get(key) ?? { provenUntilMs: 0, tunnels: 0 };
    this.#peers.set(key, peer);
    peer.tunnels += 1;
    peer.provenUntilMs = Math.max(peer.provenUntilMs, tunnel.expiresMs);
    let timer: Timer;
    const arm = (atMs: number): void => {
      const nextMs = Math.min(atMs, this.#ownExpiresMs());
      timer = this.#clock.after(nextMs - this.#clock.epochMs(), judge);
    };
    const judge = (): void => {
      const nowMs = this.#clock.epochMs();
      if (this.#ownExpiresMs() <= nowMs) return tunnel.destroy('expired');
      // A long delay is cut short by the clock.
      if (nowMs < tunnel.expiresMs) return arm(tunnel.expiresMs);
      if (tunnel.openStreams === 0 || peer.provenUntilMs <= nowMs) return tunnel.destroy('expired');
      tunnel.drain('expired');
      arm(peer.provenUntilMs);
    };
    arm(tunnel.expiresMs);
    void tunnel.closed.then(() => {
      timer.cancel();
      peer.tunnels -= 1;
      if (peer.tunnels === 0) this.#peers.delete(key);
    });
  }

  /** Until when the peer's newest proof holds, in milliseconds since the epoch; 0 without any. */
  provenUntilMs(key: string): number {
    return this.#peers.get(key)?.provenUntilMs ?? 0;
  }

  /** Tunnels of this peer that are open. */
  count(key: string): number {
    return this.#peers.get(key)?.tunnels ?? 0;
  }
}
