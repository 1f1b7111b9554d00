/** Bounds of the pool. */
export interface PoolLimits {
  /** Tunnels to one peer. With 1,000 streams each (the default of the dial) it is 100,000 connections. */
  readonly maxTunnelsPerPeer: number;
  /** A peer that carried nothing for so long loses its tunnels, warm ones too. ztunnel waits as long. */
  readonly idleMs: number;
  /** The first wait before a tunnel that could not be dialled is tried again, and the longest. */
  readonly redialBaseMs: number;
  readonly redialCapMs: number;
}

export const DEFAULT_POOL_LIMITS: PoolLimits = {
  maxTunnelsPerPeer: 100,
  idleMs: 300_000,
  redialBaseMs: 500,
  redialCapMs: 30_000,
};
