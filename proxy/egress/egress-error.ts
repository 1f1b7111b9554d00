import { HauberkError } from '../../common/errors.ts';
import type { CertificateRefusal } from './server-certificate.ts';

/** Why a connection to a server outside was not made; labels of `hauberk_connections_failed_total`. */
export type EgressErrorCode =
  | CertificateRefusal
  /** The mesh configuration has no policy for the target, or there is no mesh configuration yet. */
  | 'no-egress-policy'
  /** The list of egress targets does not have it for this service. */
  | 'egress-not-allowed'
  /** There are several policies for the target, and none of them counts. */
  | 'conflicted'
  /** The policy replaces the `Host` of requests, and the connection is carried as bytes. */
  | 'needs-gateway'
  /** The authorities of the policy are not there, or cannot be read. */
  | 'ca-unavailable'
  /** The client certificate or its key is not there, cannot be read, or they do not belong together. */
  | 'client-key-unavailable'
  /** TCP could not be connected, or the name is not known. */
  | 'unreachable'
  /** TLS failed, for another reason than certificates. */
  | 'handshake'
  /** The server wants a client certificate, and the policy has none. */
  | 'client-certificate-wanted'
  /** The server does not accept the client certificate of the policy. */
  | 'client-certificate-rejected'
  /** This process has no descriptors left for it. */
  | 'descriptors'
  /** The caller gave up. */
  | 'aborted';

/** Thrown where TLS is spoken to servers outside. */
export class EgressError extends HauberkError<EgressErrorCode> {}
