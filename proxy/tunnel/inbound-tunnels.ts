import { SharedBudget, peerShare } from '../../common/budget/shared-budget.ts';
import type { Clock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import { callEach } from '../../common/listeners.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { TokenBucket } from '../../common/rate-limit.ts';
import type { TunnelState } from '../../proto/gen/hauberk/v1/question.ts';
import { remainingMs } from '../identity/renewal/schedule.ts';
import type { IdentitySource, PeerTrust, WorkloadIdentity } from '../identity/source.ts';
import { ExpiryWatch } from './expiry-watch.ts';
import type { ServerTunnel } from './server-tunnel.ts';
import { isStale } from './staleness.ts';
import type { ListenLimits } from './tunnel-limits.ts';
import type { TunnelEnd } from './tunnel.ts';

/** What the collection needs. */
export interface InboundTunnelsOptions {
  readonly clock: Clock;
  readonly guard: Pick<Guard, 'promise'>;
  readonly identity: Pick<IdentitySource, 'current'>;
  readonly limits: ListenLimits;
}

/** Why a peer gets no tunnel. */
export interface TunnelDenial {
  readonly reason: 'too-many' | 'peer-limit' | 'peer-rate';
  readonly sentence: string;
}

/** A fleet that starts at once dials all it may have; who goes on like that has it again after so long. */
const REFILL_SECONDS = 10;

/**
 * The tunnels that peers have dialled. A peer is one identity at one address where it proves itself
 * again; where it is bounded, it is one identity, and may have at most half of what the others leave.
 */
export class InboundTunnels {
  readonly #tunnels = new Set<ServerTunnel>();
  readonly #watch: ExpiryWatch;
  readonly #cancelled: KeyedBuckets;
  /** By identity, wherever it comes from. */
  readonly #shares: SharedBudget;
  readonly #opened: KeyedBuckets;
  readonly #limits: ListenLimits;
  readonly #guard: Pick<Guard, 'promise'>;
  #idleWaiters: (() => void)[] = [];
  #trust: PeerTrust | undefined;

  constructor({ clock, guard, identity, limits }: InboundTunnelsOptions) {
    this.#guard = guard;
    this.#limits = limits;
    this.#watch = new ExpiryWatch(clock, () => remainingMs(identity.current(), clock));
    const { maxTunnels } = limits;
    this.#shares = new SharedBudget(maxTunnels);
    const burst = Math.ceil(maxTunnels / 2);
    const perSecond = Math.ceil(maxTunnels / 2 / REFILL_SECONDS);
    this.#opened = new KeyedBuckets(clock, { burst, perSecond });
    this.#cancelled = new KeyedBuckets(clock, {
      burst: limits.cancelledStreamsBurst,
      perSecond: limits.cancelledStreamsPerSecond,
    });
  }

  get size(): number {
    return this.#tunnels.size;
  }

  states(): TunnelState[] {
    return Array.from(this.#tunnels, ({ peer, address, openStreams, accepting }) => ({
      inbound: true,
      peer: peer.spiffeId.uri,
      address: address ?? '',
      streams: openStreams,
      peerNotAfterMs: peer.expiresMs,
      accepting,
    }));
  }

  /** Why the peer may not have another tunnel; undefined when it may. Counts as a try. */
  denial({ uri }: SpiffeId, peerKey: string): TunnelDenial | undefined {
    if (!this.#opened.take(uri)) {
      return { reason: 'peer-rate', sentence: `${uri} opens more tunnels a second than its share` };
    }
    if (this.#watch.count(peerKey) >= this.#limits.maxTunnelsPerPeer) {
      const sentence = `${uri} has as many tunnels as one peer may have at one address`;
      return { reason: 'too-many', sentence };
    }
    const most = this.#shares.mostFor(peerShare(uri));
    if (this.#shares.heldBy(uri) < most) return undefined;
    return this.#shares.used >= this.#shares.capacity
      ? { reason: 'too-many', sentence: 'this sidecar has as many tunnels as it may have' }
      : { reason: 'peer-limit', sentence: `${uri} has its share of the tunnels, which is ${most}` };
  }

  /** The bound of a peer on streams that it gives up; it outlives the peer's tunnels until refilled. */
  bucketOf(peerKey: string): Pick<TokenBucket, 'take'> {
    return { take: () => this.#cancelled.take(peerKey) };
  }

  add(peerKey: string, tunnel: ServerTunnel): void {
    const share = peerShare(tunnel.peer.spiffeId.uri);
    this.#shares.take(share);
    this.#tunnels.add(tunnel);
    const unwatch = this.#watch.add(peerKey, tunnel);
    const closed = tunnel.closed.then(() => {
      unwatch();
      this.#tunnels.delete(tunnel);
      this.#shares.give(share);
      if (this.#tunnels.size === 0) this.#wake();
    });
    this.#guard.promise('tunnel', closed);
    // Its handshake may have begun before the revocation came.
    if (this.#trust !== undefined && tunnel.peer.isRevoked(this.#trust)) tunnel.destroy('revoked');
  }

  /**
   * Asks for the replacement of the tunnels that a handshake of today would not make, and ends those
   * whose peer it would refuse because it was revoked.
   */
  drainStale(current: WorkloadIdentity): void {
    this.#trust = current.bundle;
    callEach(this.#tunnels, (tunnel) => {
      if (tunnel.peer.isRevoked(current.bundle)) tunnel.destroy('revoked');
      else if (isStale(tunnel.identity, current)) tunnel.drain('drained');
    });
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
