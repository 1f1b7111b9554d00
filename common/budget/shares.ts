/** Who something is charged to, and what fraction of what the others leave that holder may have. */
export interface BudgetShare {
  readonly holder: string;
  readonly fraction: number;
}

/**
 * Connections of the application of this sidecar, both ends of them where the other is in plaintext too.
 * It is trusted; but a quarter stays for tunnels, and for its callers.
 */
export const APPLICATION_SHARE: BudgetShare = { holder: 'application', fraction: 3 / 4 };

/** Clients of a gateway: each may need as much again on the way to a server outside; services are in tunnels. */
export const CLIENTS_SHARE: BudgetShare = { holder: 'clients', fraction: 1 / 2 };

/** Incoming plaintext, where it is allowed: both ends of it. */
export const PLAINTEXT_SHARE: BudgetShare = { holder: 'plaintext', fraction: 1 / 2 };

/**
 * Handshakes under way, whose clients are not authenticated yet. They end within seconds, one way or
 * other.
 */
export const HANDSHAKES_SHARE: BudgetShare = { holder: 'handshakes', fraction: 1 / 4 };

/** Tunnels that we dial: they carry what others were charged for. */
export const TUNNELS_SHARE: BudgetShare = { holder: 'tunnels', fraction: 1 };

/** A proven identity, wherever it comes from. It begins with spiffe://, unlike the others. */
export function peerShare(identity: string): BudgetShare {
  return { holder: identity, fraction: 1 / 2 };
}
