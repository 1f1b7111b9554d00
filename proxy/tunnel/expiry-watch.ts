import type { Clock, Timer } from '../../common/clock.ts';
import type { TunnelEnd } from './tunnel.ts';

/** What the watch needs of a tunnel. */
export interface Expiring {
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
 * - A tunnel is proof of both identities until the earlier of its two certificates expires.
 * - From then on it takes no new streams, and the streams that it carries live on only while the
 *   same peer has proven itself anew: a later handshake with certificates that are still valid.
 * - Without such a proof it is ended at once, streams and all (`expired`).
 *
 * So rotation drops no connection, however long it lives, and an identity that can no longer renew
 * loses all of its connections when its certificate ends. Two tunnels are of the same peer when they
 * have the same key, which holds the identity and the address: a replica with the same identity
 * cannot speak for one that was cut off.
 */
export class ExpiryWatch {
  readonly #clock: Clock;
  readonly #peers = new Map<string, Peer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches a tunnel, which is also a proof for its older siblings, until it is closed. */
  add(key: string, tunnel: Expiring): void {
    const peer = this.#peers.get(key) ?? { provenUntilMs: 0, tunnels: 0 };
    this.#peers.set(key, peer);
    peer.tunnels += 1;
    peer.provenUntilMs = Math.max(peer.provenUntilMs, tunnel.expiresMs);
    let timer: Timer;
    const arm = (atMs: number): void => {
      timer = this.#clock.after(atMs - this.#clock.epochMs(), judge);
    };
    const judge = (): void => {
      const nowMs = this.#clock.epochMs();
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
