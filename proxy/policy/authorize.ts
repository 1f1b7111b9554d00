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

/** A service by its name, in the trust domain of the sidecar. */
export type ServiceName = Pick<SpiffeId, 'namespace' | 'service'>;

/**
 * Who may reach which port. A port that is named here is open to the services in its list and to
 * nobody else; any other port is open to every workload of the trust domain.
 */
export type CallersByPort = ReadonlyMap<number, readonly ServiceName[]>;

/** Why a caller may not come in; a label of `hauberk_connections_failed_total`. */
export type DenialReason = 'denied-trust-domain' | 'denied-system-identity' | 'denied-caller';

/** The verdict, with the reason for the log and never for the peer. */
export type Decision =
  { readonly allowed: true } | { readonly allowed: false; readonly reason: DenialReason };

/**
 * Decides whether a caller may reach a port. The mesh's own identities are not workloads: an
 * operator's stolen credential opens no application.
 */
export function authorize(request: InboundRequest, callers: CallersByPort): Decision {
  const { source, destination, port } = request;
  if (source.trustDomain !== destination.trustDomain) return denied('denied-trust-domain');
  if (source.namespace === SYSTEM_NAMESPACE) return denied('denied-system-identity');
  const named = callers.get(port);
  if (named === undefined || named.some((caller) => isNamed(source, caller))) {
    return { allowed: true };
  }
  return denied('denied-caller');
}

function isNamed(source: SpiffeId, { namespace, service }: ServiceName): boolean {
  return source.namespace === namespace && source.service === service;
}

function denied(reason: DenialReason): Decision {
  return { allowed: false, reason };
}
