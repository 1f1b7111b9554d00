/** Bounds of the pool. */
export interface PoolLimits {
  /** Tunnels to one peer. With 1,000 streams each (the default of the dial) it is 100,000 connections. */
  readonly maxTunnelsPerPeer: number;
  /**
   * Peers that get a tunnel before one is needed. Each takes some 90 KB and a handshake here and there, and of many services
   * a sidecar calls few: what the first connection to the others waits for is a handshake.
   */
  readonly maxWarmPeers: number;
  /** A peer that carried nothing for so long loses its tunnels, warm ones too. ztunnel waits as long. */
  readonly idleMs: number;
  /** The first wait before a tunnel that could not be dialled is tried again, and the longest. */
  readonly redialBaseMs: number;
  readonly redialCapMs: number;
}

export const DEFAULT_POOL_LIMITS: PoolLimits = {
  maxTunnelsPerPeer: 100,
  maxWarmPeers: 64,
  idleMs: 300_000,
  redialBaseMs: 500,
  redialCapMs: 30_000,
};
