import { RevocationList, serialOf, type JudgedCertificate } from '../../common/pki/revocation.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { WallClock } from '../../common/clock.ts';
import type { Compare, Store } from '../store/store.ts';
import { RevocationError } from './revocation-error.ts';
import { decodeRevocation, identityKey, revokedTokenKey, serialKey } from './revocation-record.ts';

/** Who wants a certificate. */
export interface Applicant {
  readonly spiffeId: SpiffeId;
  /** The certificate that it renews; undefined when it comes with a token. */
  readonly certificate?: JudgedCertificate | undefined;
  /** The token that it came with, or that the certificate goes back to, where that is known. */
  readonly tokenId?: string | undefined;
}

/**
 * Lets an applicant have a certificate unless something that concerns it is revoked.
 *
 * @returns conditions under which this holds: a certificate that is stored under them was issued
 *   before any revocation, and the revocation finds it in the log
 * @throws RevocationError `identity-revoked`, `certificate-revoked`, `readmitted-just-now`; StoreError
 */
export async function requireUnrevoked(
  { spiffeId, certificate, tokenId }: Applicant,
  { store, clock }: { readonly store: Store; readonly clock: WallClock },
): Promise<readonly Compare[]> {
  const keys = [
    identityKey(spiffeId),
    ...(certificate === undefined ? [] : [serialKey(serialOf(certificate))]),
    ...(tokenId === undefined ? [] : [revokedTokenKey(tokenId)]),
  ];
  const entries = await Promise.all(keys.map((key) => store.get(key)));
  const [ofIdentity] = entries;
  if (ofIdentity !== undefined) {
    const { readmittedMs } = decodeRevocation(ofIdentity);
    const { uri, namespace, service } = spiffeId;
    if (readmittedMs === undefined) {
      throw new RevocationError('identity-revoked', `${uri} was revoked and gets no certificates`, {
        hint: `an operator readmits it with: hauberk readmit ${namespace}/${service}`,
      });
    }
    // Certificates carry whole seconds.
    const [then, now] = [readmittedMs, clock.epochMs()].map((ms) => Math.floor(ms / 1000));
    if (then === now) {
      const sentence = `${uri} was readmitted within this second`;
      throw new RevocationError('readmitted-just-now', sentence, { hint: 'try again' });
    }
  }
  for (const entry of entries) {
    if (entry === undefined || certificate === undefined) continue;
    if (entry.key.startsWith(revokedTokenKey(''))) throw certificateRevoked(certificate);
    const list = new RevocationList([decodeRevocation(entry)]);
    if (list.find(spiffeId.uri, certificate) !== undefined) throw certificateRevoked(certificate);
  }
  return keys.map((key, at) => ({ key, modRevision: entries[at]?.modRevision ?? 0 }));
}

/** The refusal of a certificate that was revoked. */
export function certificateRevoked(certificate: JudgedCertificate): RevocationError {
  const sentence = `the certificate ${serialOf(certificate)} was revoked`;
  const hint = 'enrol with a new join token if this identity is to return';
  return new RevocationError('certificate-revoked', sentence, { hint });
}
