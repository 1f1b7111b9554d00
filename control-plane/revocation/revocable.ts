import { SYSTEM_NAMESPACE, type SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { Issuance } from '../ca/issuance/record.ts';
import { RevocationError } from './revocation-error.ts';

/** Throws RevocationError `revocation-invalid` for identities that must not be revoked as a whole. */
export function requireRevocable({ uri, namespace, ...id }: SpiffeId, trustDomain: string): void {
  if (id.trustDomain !== trustDomain) {
    throw new RevocationError(
      'revocation-invalid',
      `this is the control plane of ${trustDomain}, and ${uri} is not of it`,
    );
  }
  if (namespace !== SYSTEM_NAMESPACE) return;
  throw new RevocationError(
    'revocation-invalid',
    `${uri} is an identity of the mesh itself: without it no identity could be readmitted`,
    { hint: "revoke the operator's certificate by its serial, and restart the control plane" },
  );
}

/**
 * All certificates that were renewed with this one, or with one of those, and so on.
 *
 * @param issuances of one identity, in any order
 */
export function withRenewals(serial: string, issuances: readonly Issuance[]): readonly Issuance[] {
  const bySource = Map.groupBy(issuances, ({ renewedFrom }) => renewedFrom);
  const found: Issuance[] = [];
  const queue = [serial];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const issuance of bySource.get(next) ?? []) {
      found.push(issuance);
      queue.push(issuance.serial);
    }
    // Each certificate was renewed from one other: nothing is met twice.
    bySource.delete(next);
  }
  return found;
}
