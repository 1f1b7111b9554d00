import { CLOCK_SKEW_MS } from '../../common/pki/lifetimes.ts';
import type { RevocationList } from '../../common/pki/revocation.ts';
import type { CertificateFact } from '../ca/rotation/progress.ts';

/** Whether a certificate of the issuance log was revoked: no caller is admitted with it any more. */
export function isRevokedFact(
  revocations: RevocationList,
  { serial, spiffeId, issuedMs }: CertificateFact,
): boolean {
  // As NotBefore is written into a certificate.
  const validFromDate = new Date(issuedMs - CLOCK_SKEW_MS);
  return revocations.find(spiffeId, { serialNumber: serial, validFromDate }) !== undefined;
}
