import type { Logger } from 'pino';
import type { CancelSignal } from '../../common/cancellation.ts';
import type { Clock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import { callEach } from '../../common/listeners.ts';
import { repeat } from '../../common/repeat.ts';
import type { TunnelState } from '../../proto/gen/hauberk/v1/question.ts';
import type { IdentitySource } from '../identity/source.ts';
import { PeerTunnels } from './peer-tunnels.ts';
import { DEFAULT_POOL_LIMITS } from './pool-limits.ts';
import type { PoolLimits } from './pool-limits.ts';
import { TunnelError } from './tunnel-error.ts';
import type { ByteStream } from '../stream/byte-stream.ts';
import type { Dial, DialTarget, EarlyData, Tunnel } from './tunnel.ts';

/** A stream, and the tunnel that carries it. */
export interface OpenedStream {
  readonly stream: ByteStream;
  readonly tunnel: Tunnel;
}

/** Tunnels to all peers that this sidecar dials. Drain it with `drain` of common/lifecycle.ts. */
export interface TunnelPool extends Closeable, Drainable {
  /**
   * Opens a stream to `authority` through the least loaded tunnel to the target, dialling one when
   * there is none. A stream that the peer refused before it looked at it is tried again on another
   * tunnel, a few times; one whose tunnel died before the answer, once, unless `early` is spent. The wait for a
   * silent peer ends by the signal only.
   *
   * Throws TunnelError; no byte of the connection was taken then but those of `early`.
   */
  open(
    target: DialTarget,
    authority: string,
    signal?: CancelSignal,
    early?: EarlyData,
  ): Promise<OpenedStream>;
  /** Resolves when there is a tunnel to the target: it is there. Throws TunnelError. */
  ready(target: DialTarget, signal?: AbortSignal): Promise<void>;
  /**
   * Opens a tunnel before it is needed and replaces it when it dies, with backoff, until the target
   * is forgotten or has been idle for `idleMs`. After that the next `open` dials again.
   *
   * @returns false where it does not: `maxWarmPeers` others are kept so, and this one gets a tunnel when it is needed
   */
  warm(target: DialTarget): boolean;
  /** Drains the tunnels of an endpoint that went away. */
  forget(target: DialTarget): void;
  /** Streams that are open to the target: its load, for the balancer. */
  openStreams(target: DialTarget): number;
  /** Each tunnel, as it stands. */
  tunnels(): TunnelState[];
}

/** What a pool is made of. */
export interface TunnelPoolOptions {
  readonly dial: Dial;
  readonly identity: IdentitySource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly limits?: Partial<PoolLimits>;
  /** For the jitter of retries; a number in [0, 1). */
  readonly random?: () => number;
}

/** How often idle tunnels are looked for, in each idle time. */
const SWEEPS_PER_IDLE_TIME = 5;

const MAX_TRIES_REFUSED = 4;
const MAX_TRIES_LOST = 2;

/** Creates a pool without tunnels. */
export function createTunnelPool(options: TunnelPoolOptions): TunnelPool {
  const { dial, identity, clock, logger, guard, random = Math.random } = options;
  const limits: PoolLimits = { ...DEFAULT_POOL_LIMITS, ...options.limits };
  const peers = new Map<string, PeerTunnels>();
  const warmPeers = new Set<PeerTunnels>();
  let idleWaiters: (() => void)[] = [];
  let refusing = false;

  const stopWatching = identity.onChange(() => {
    callEach(peers.values(), (peer) => peer.reconcile());
  });
  const sweeps = repeat(clock, limits.idleMs / SWEEPS_PER_IDLE_TIME, () => {
    callEach(peers.values(), (peer) => peer.sweep());
  });

  function peerOf(target: DialTarget): PeerTunnels {
    const key = keyOf(target);
    const existing = peers.get(key);
    if (existing !== undefined) return existing;
    const onEmpty = (): void => {
      if (peers.get(key) !== created) return;
      peers.delete(key);
      if (peers.size === 0) wake();
    };
    const created: PeerTunnels = new PeerTunnels({
      target,
      dial,
      identity,
      clock,
      logger,
      guard,
      limits,
      random,
      onUnready: () => void warmPeers.delete(created),
      onEmpty,
    });
    peers.set(key, created);
    return created;
  }

  function wake(): void {
    const waiters = idleWaiters;
    idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  return {
    async open(target, authority, signal, early): Promise<OpenedStream> {
      let failed: Tunnel | undefined;
      let tries = 1;
      for (;;) {
        if (refusing) throw new TunnelError('aborted', 'this sidecar opens no more connections');
        const peer = peerOf(target);
        // Most often there is one, and nothing to wait for.
        const tunnel = peer.available(failed) ?? (await peer.acquire(failed, signal));
        // Every waiter for a new tunnel gets it at once: the first ones may have filled it.
        if (!tunnel.accepting) continue;
        try {
          return { stream: await tunnel.open(authority, signal, early), tunnel };
        } catch (error) {
          if (early?.isSpent === true || tries >= maxTries(error)) throw error;
          tries += 1;
          failed = tunnel;
        }
      }
    },
    async ready(target, signal) {
      if (refusing) throw new TunnelError('aborted', 'this sidecar opens no more connections');
      await peerOf(target).acquire(undefined, signal);
    },
    warm(target) {
      if (refusing) return false;
      const known = peers.get(keyOf(target));
      const isWarm = known !== undefined && warmPeers.has(known);
      if (!isWarm && warmPeers.size >= limits.maxWarmPeers) return false;
      const peer = known ?? peerOf(target);
      warmPeers.add(peer);
      peer.warm();
      return true;
    },
    forget(target) {
      peers.get(keyOf(target))?.forget();
    },
    tunnels: () => [...peers.values()].flatMap((peer) => peer.states()),
    openStreams: (target) => peers.get(keyOf(target))?.openStreams ?? 0,
    refuse() {
      refusing = true;
      for (const peer of peers.values()) peer.forget();
    },
    idle(): Promise<void> {
      if (peers.size === 0) return Promise.resolve();
      return new Promise((resolve) => idleWaiters.push(resolve));
    },
    force() {
      for (const peer of peers.values()) peer.close('forced');
    },
    async close() {
      this.refuse();
      this.force();
      await sweeps.close();
      stopWatching();
      await this.idle();
    },
  };
}

/**
 * A stream that the peer says it has not looked at may go elsewhere as often as we like: both sides
 * may be rotating at the same moment. One whose tunnel died may have reached the application, though
 * no byte of the connection has: once more, in case it was only that tunnel.
 */
function maxTries(error: unknown): number {
  const code = error instanceof TunnelError ? error.code : undefined;
  if (code === 'refused-stream') return MAX_TRIES_REFUSED;
  return code === 'tunnel-lost' ? MAX_TRIES_LOST : 1;
}

function keyOf({ address, port, expect }: DialTarget): string {
  return `${address} ${port} ${expect.uri}`;
}
