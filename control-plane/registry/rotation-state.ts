import { CLOCK_SKEW_MS } from '../../common/pki/lifetimes.ts';
import type { RevocationList } from '../../common/pki/revocation.ts';
import type { LoggedCertificate, SidecarState } from '../ca/rotation/progress.ts';
import type { KnownSidecar } from './known-sidecars.ts';

/** Whether a certificate of the issuance log was revoked: no caller is admitted with it any more. */
export function isCertificateRevoked(
  revocations: RevocationList,
  { serial, spiffeId, issuedMs }: LoggedCertificate,
): boolean {
  // As NotBefore is written into a certificate.
  const validFromDate = new Date(issuedMs - CLOCK_SKEW_MS);
  return revocations.find(spiffeId, { serialNumber: serial, validFromDate }) !== undefined;
}

/** A sidecar as the rotation of the root sees it. */
export function toSidecarState({ record, provenSerial, ...sidecar }: KnownSidecar): SidecarState {
  const { instanceId, spiffeId } = record;
  return { ...sidecar, instanceId, spiffeId, certificateSerial: provenSerial };
}
