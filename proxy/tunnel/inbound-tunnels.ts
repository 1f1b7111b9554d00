import type { Clock } from '../../common/clock.ts';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import type { TokenBucket } from '../../common/rate-limit.ts';
import { remainingMs } from '../identity/schedule.ts';
import type { IdentitySource, PeerTrust, WorkloadIdentity } from '../identity/source.ts';
import { ExpiryWatch } from './expiry-watch.ts';
import { isRevoked } from './peer-check.ts';
import type { ServerTunnel } from './server-tunnel.ts';
import { isStale } from './staleness.ts';
import type { ListenLimits } from './tunnel-limits.ts';
import type { TunnelEnd } from './tunnel.ts';

/** What the collection needs. */
export interface InboundTunnelsOptions {
  readonly clock: Clock;
  readonly identity: Pick<IdentitySource, 'current'>;
  readonly limits: ListenLimits;
}

/** The tunnels that peers have dialled; a peer is one identity at one address. */
export class InboundTunnels {
  readonly #tunnels = new Set<ServerTunnel>();
  readonly #watch: ExpiryWatch;
  readonly #cancelled: KeyedBuckets;
  readonly #limits: ListenLimits;
  #idleWaiters: (() => void)[] = [];
  #trust: PeerTrust | undefined;

  constructor({ clock, identity, limits }: InboundTunnelsOptions) {
    this.#limits = limits;
    this.#watch = new ExpiryWatch(clock, () => remainingMs(identity.current(), clock));
    const { cancelledStreamsBurst, cancelledStreamsPerSecond } = limits;
    this.#cancelled = new KeyedBuckets(clock, {
      burst: cancelledStreamsBurst,
      perSecond: cancelledStreamsPerSecond,
    });
  }

  get size(): number {
    return this.#tunnels.size;
  }

  /** True when the peer may not have another tunnel. */
  isFull(peerKey: string): boolean {
    return (
      this.#tunnels.size >= this.#limits.maxTunnels ||
      this.#watch.count(peerKey) >= this.#limits.maxTunnelsPerPeer
    );
  }

  /** The bound of a peer on streams that it gives up; it outlives the peer's tunnels until refilled. */
  bucketOf(peerKey: string): Pick<TokenBucket, 'take'> {
    return { take: () => this.#cancelled.take(peerKey) };
  }

  add(peerKey: string, tunnel: ServerTunnel): void {
    this.#tunnels.add(tunnel);
    this.#watch.add(peerKey, tunnel);
    void tunnel.closed.then(() => {
      this.#tunnels.delete(tunnel);
      if (this.#tunnels.size === 0) this.#wake();
    });
    // Its handshake may have begun before the revocation came.
    if (this.#trust !== undefined && isRevoked(tunnel.peer, this.#trust)) tunnel.destroy('revoked');
  }

  /**
   * Asks for the replacement of the tunnels that a handshake of today would not make, and ends those
   * whose peer it would refuse because it was revoked.
   */
  drainStale(current: WorkloadIdentity): void {
    this.#trust = current.bundle;
    for (const tunnel of this.#tunnels) {
      if (isRevoked(tunnel.peer, current.bundle)) tunnel.destroy('revoked');
      else if (isStale(tunnel.identity, current)) tunnel.drain('drained');
    }
  }

  drainAll(): void {
    for (const tunnel of this.#tunnels) tunnel.drain('drained');
  }

  destroyAll(reason: TunnelEnd): void {
    for (const tunnel of this.#tunnels) tunnel.destroy(reason);
  }

  /** Resolves when there is none. */
  idle(): Promise<void> {
    if (this.#tunnels.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  #wake(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const resolve of waiters) resolve();
  }
}
