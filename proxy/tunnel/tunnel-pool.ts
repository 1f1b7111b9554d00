import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { Dial, DialTarget, Tunnel, TunnelStream } from './tunnel.ts';

/** A stream, and the tunnel that carries it. */
export interface OpenedStream {
  readonly stream: TunnelStream;
  readonly tunnel: Tunnel;
}

/** Tunnels to all peers that this sidecar dials. Drain it with `drain` of common/lifecycle.ts. */
export interface TunnelPool extends Closeable, Drainable {
  /**
   * Opens a stream to `authority` through the least loaded tunnel to the target, dialling one when
   * there is none. A stream that the peer had not looked at is tried again on another tunnel.
   * Throws TunnelError; no byte of the connection was taken then.
   */
  open(target: DialTarget, authority: string, signal?: AbortSignal): Promise<OpenedStream>;
  /** Opens a tunnel before it is needed, and replaces it when it dies, until it is forgotten or idle. */
  warm(target: DialTarget): void;
  /** Drains the tunnels of an endpoint that went away. */
  forget(target: DialTarget): void;
  /** Streams that are open to the target: its load, for the balancer. */
  openStreams(target: DialTarget): number;
}

/** What a pool is made of. */
export interface TunnelPoolOptions {
  readonly dial: Dial;
  readonly identity: IdentitySource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<PoolLimits>;
  /** For the jitter of retries; a number in [0, 1). */
  readonly random?: () => number;
}

/** Bounds of the pool. */
export interface PoolLimits {
  /** Tunnels to one peer. With 100 streams each (the default of the dial) it is 10,000 connections. */
  readonly maxTunnelsPerPeer: number;
  /** A peer that carried nothing for so long loses its tunnels, warm ones too. ztunnel waits as long. */
  readonly idleMs: number;
}

/** Creates a pool without tunnels. */
export function createTunnelPool(_options: TunnelPoolOptions): TunnelPool {
  throw new Error('not yet');
}
