import { SYSTEM_NAMESPACE, type SpiffeId } from '../../common/pki/spiffe-id.ts';

/** One CONNECT, as the decision sees it. */
export interface InboundRequest {
  /** Who the caller proved to be. */
  readonly source: SpiffeId;
  /** Whose door it is. */
  readonly destination: SpiffeId;
  /** The port that is asked for, as peers see it. */
  readonly port: number;
}

/** Why a caller may not come in; a label of `hauberk_connections_failed_total`. */
export type DenialReason = 'denied-trust-domain' | 'denied-system-identity';

/** The verdict, with the reason for the log and never for the peer. */
export type Decision =
  { readonly allowed: true } | { readonly allowed: false; readonly reason: DenialReason };

/**
 * Decides whether a caller may reach a port: every workload of the own trust domain may. The mesh's
 * own identities are not workloads: an operator's stolen credential opens no application.
 */
export function authorize({ source, destination }: InboundRequest): Decision {
  if (source.trustDomain !== destination.trustDomain) {
    return { allowed: false, reason: 'denied-trust-domain' };
  }
  if (source.namespace === SYSTEM_NAMESPACE) {
    return { allowed: false, reason: 'denied-system-identity' };
  }
  return { allowed: true };
}
