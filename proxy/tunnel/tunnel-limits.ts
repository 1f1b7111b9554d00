/** Bounds of each tunnel, on either side. */
export interface TunnelLimits {
  /** The whole of a handshake, from the SYN to the peer's first SETTINGS. */
  readonly handshakeTimeoutMs: number;
  /** A PING goes out this long after the last one was answered. ztunnel uses the same. */
  readonly pingIntervalMs: number;
  /** A peer that does not answer a PING in this time is gone. ztunnel uses the same. */
  readonly pingTimeoutMs: number;
  /**
   * Streams that we open in one tunnel at once; fewer when the peer allows fewer, as ztunnel does. What
   * comes in one turn of the event loop leaves in one write for each tunnel: few tunnels are fast.
   */
  readonly maxStreamsPerTunnel: number;
}

/** Bounds of the listening side. */
export interface ListenLimits {
  /**
   * Handshakes under way, half of them of one source. A flood of one source pushes out its own: see
   * `PendingHandshakes`.
   */
  readonly maxPendingHandshakes: number;
  /** Tunnels of all peers. */
  readonly maxTunnels: number;
  /** Tunnels of one identity at one address; from all of its addresses it has its share of `maxTunnels`. */
  readonly maxTunnelsPerPeer: number;
  /** Streams that a peer may have open in one tunnel. */
  readonly maxConcurrentStreams: number;
  /** Streams that a peer may give up before they were answered: at once, and per second after that. */
  readonly cancelledStreamsBurst: number;
  readonly cancelledStreamsPerSecond: number;
}

export const DEFAULT_TUNNEL_LIMITS: TunnelLimits = {
  handshakeTimeoutMs: 5_000,
  pingIntervalMs: 10_000,
  pingTimeoutMs: 20_000,
  maxStreamsPerTunnel: 1_000,
};

export const DEFAULT_LISTEN_LIMITS: ListenLimits = {
  maxPendingHandshakes: 512,
  maxTunnels: 10_000,
  maxTunnelsPerPeer: 256,
  maxConcurrentStreams: 1_000,
  cancelledStreamsBurst: 1_000,
  cancelledStreamsPerSecond: 100,
};
