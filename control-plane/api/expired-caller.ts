import type { X509Certificate } from 'node:crypto';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import { isSignedBy } from '../../common/pki/signed-chain.ts';
import type { Caller } from '../../common/rpc/peer.ts';
import { requireProof, type CallerTrust, type ProvenCaller } from './caller.ts';
import { RequestError } from './request-error.ts';

/** id-kp-clientAuth (RFC 5280 section 4.2.1.12). */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** What a caller that was away is believed by. */
export interface ExpiredCallerTrust extends CallerTrust {
  readonly roots: readonly X509Certificate[];
  readonly nowMs: number;
  /** So long after its end a certificate may still be renewed; 0: not at all. */
  readonly renewAfterExpiryMs: number;
}

/**
 * The caller, also when its certificate has expired a while ago: a host that was off comes back by
 * itself. TLS has proven that it holds the key, expired or not; everything else that a verification
 * looks at is looked at here, but for the date.
 *
 * @throws RequestError, PkiError `san-missing`, `san-multiple`, `spiffe-id`, RevocationError
 */
export function requireProofOrExpired(caller: Caller, trust: ExpiredCallerTrust): ProvenCaller {
  if (caller.kind !== 'untrusted' || caller.certificate === undefined) {
    return requireProof(caller, trust);
  }
  const { certificate } = caller;
  const { roots, nowMs, renewAfterExpiryMs } = trust;
  const expiredMs = nowMs - certificate.validToDate.getTime();
  if (expiredMs > renewAfterExpiryMs) throw tooLate(certificate, trust);
  // Expired is what OpenSSL says first; there may be more that is wrong with it.
  const isClient = (certificate.keyUsage ?? []).includes(CLIENT_AUTH);
  if (!isSignedBy(certificate, roots) || !isClient) {
    throw new RequestError(
      'certificate-untrusted',
      'the client certificate has expired, and does not lead to a root of this mesh either',
      { hint: 'enrol with a new join token' },
    );
  }
  const spiffeId = peerSpiffeId(certificate);
  return requireProof({ kind: 'workload', spiffeId, certificate }, trust);
}

function tooLate({ validToDate }: X509Certificate, trust: ExpiredCallerTrust): RequestError {
  const { renewAfterExpiryMs } = trust;
  const window =
    renewAfterExpiryMs === 0
      ? 'expired ones are not renewed here'
      : `expired ones are renewed for ${renewAfterExpiryMs / 1000} s`;
  return new RequestError(
    'certificate-expired',
    `the client certificate expired at ${validToDate.toISOString()}, and ${window}`,
    { hint: 'enrol with a new join token' },
  );
}
