import type { X509Certificate } from 'node:crypto';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import { SYSTEM_NAMESPACE } from '../../common/pki/spiffe-id.ts';
import { PATH_FAULTS, pathFault } from '../../common/pki/verified-path.ts';
import type { Caller } from '../../common/rpc/peer.ts';
import { isRecordOf } from '../ca/issuance/record.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { requireProof, type CallerTrust, type ProvenCaller } from './caller.ts';
import { RequestError } from './request-error.ts';

/** What authenticates a caller with an expired certificate. */
export interface ExpiredCallerTrust extends CallerTrust {
  readonly roots: readonly X509Certificate[];
  readonly nowMs: number;
  /** So long after its end a certificate may still be renewed; 0: not at all. */
  readonly renewAfterExpiryMs: number;
  readonly ca: Pick<CertificateAuthority, 'issuanceOf'>;
}

/**
 * The caller, also when its certificate has expired a while ago: a host that was off comes back by
 * itself. TLS has proven that it holds the key, expired or not, and says nothing else about it: the
 * whole path is verified here as of the moment before the certificate expired, and it has to be one
 * that this control plane has issued, byte by byte. Identities of the mesh itself do not come back
 * this way.
 *
 * @throws RequestError, PkiError `san-missing`, `san-multiple`, `spiffe-id`, `signing-certificate`,
 *   RevocationError, StoreError
 */
export async function requireProofOrExpired(
  caller: Caller,
  trust: ExpiredCallerTrust,
): Promise<ProvenCaller> {
  if (caller.kind !== 'untrusted' || caller.certificate === undefined) {
    return requireProof(caller, trust);
  }
  const { certificate } = caller;
  const { roots, nowMs, renewAfterExpiryMs } = trust;
  const endMs = certificate.validToDate.getTime();
  if (nowMs - endMs > renewAfterExpiryMs) throw tooLate(certificate, trust);
  const spiffeId = peerSpiffeId(certificate);
  const proven = requireProof({ kind: 'workload', spiffeId, certificate }, trust);
  if (spiffeId.namespace === SYSTEM_NAMESPACE) throw notOfTheMesh(certificate, spiffeId.uri);
  // First: to look for it costs little, and forged certificates are not there.
  const issuance = await trust.ca.issuanceOf(certificate, spiffeId);
  if (issuance === undefined || !isRecordOf(issuance, certificate)) {
    throw new RequestError(
      'certificate-expired',
      `${ended(certificate)}, and the issuance log does not know it`,
      { hint: NEW_TOKEN },
    );
  }
  const fault = pathFault(certificate, {
    roots,
    atMs: endMs - 1,
    purposes: ['clientAuth', 'serverAuth'],
  });
  if (fault !== undefined) {
    throw new RequestError(
      'certificate-untrusted',
      `the client certificate has expired, and it ${PATH_FAULTS[fault]}`,
      { hint: NEW_TOKEN },
    );
  }
  return proven;
}

const NEW_TOKEN = 'enrol with a new join token';

function tooLate(certificate: X509Certificate, trust: ExpiredCallerTrust): RequestError {
  const { renewAfterExpiryMs } = trust;
  const window =
    renewAfterExpiryMs === 0
      ? 'expired ones are not renewed here'
      : `expired ones are renewed for ${renewAfterExpiryMs / 1000} s`;
  return new RequestError('certificate-expired', `${ended(certificate)}, and ${window}`, {
    hint: NEW_TOKEN,
  });
}

function notOfTheMesh(certificate: X509Certificate, uri: string): RequestError {
  return new RequestError(
    'certificate-expired',
    `${ended(certificate)}, and ${uri} is not renewed after its end`,
    { hint: "take the current admin.pem from the control plane's data directory" },
  );
}

function ended({ validToDate }: X509Certificate): string {
  return `the client certificate expired at ${validToDate.toISOString()}`;
}
