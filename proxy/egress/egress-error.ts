import { HauberkError } from '../../common/errors.ts';
import type { CertificateRefusal } from './server-certificate.ts';

/** Why a connection to a server outside was not made; labels of `hauberk_connections_failed_total`. */
export type EgressErrorCode =
  | CertificateRefusal
  | 'no-egress-policy' // The mesh configuration has no policy for the target, or there is no mesh configuration yet.
  | 'egress-not-allowed' // The list of egress targets does not have it for this service.
  | 'conflicted' // There are several policies for the target, and none of them counts.
  | 'needs-gateway' // The policy replaces the `Host` of requests, and the connection is carried as bytes.
  | 'ca-unavailable' // The authorities of the policy are not there, or cannot be read.
  | 'client-key-unavailable' // The client certificate or its key is missing or unreadable, or they do not match.
  | 'unreachable' // TCP could not be connected, or the name is not known.
  | 'handshake' // TLS failed, for another reason than certificates.
  | 'client-certificate-wanted' // The server wants a client certificate, and the policy has none.
  | 'client-certificate-rejected' // The server does not accept the client certificate of the policy.
  | 'descriptors' // This process has no descriptors left for it.
  | 'aborted'; // The caller gave up.

/** Thrown where TLS is spoken to servers outside. */
export class EgressError extends HauberkError<EgressErrorCode> {}
