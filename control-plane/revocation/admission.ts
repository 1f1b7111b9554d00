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

/** Certificates carry whole seconds. */
const SECOND_MS = 1000;

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
    if (readmittedMs === undefined) throw identityRevoked(spiffeId);
    if (sameSecond(readmittedMs, clock.epochMs())) throw readmittedJustNow(spiffeId);
  }
  for (const entry of entries) {
    if (entry === undefined || certificate === undefined) continue;
    if (entry.key.startsWith(revokedTokenKey(''))) throw certificateRevoked(certificate);
    const list = new RevocationList([decodeRevocation(entry)]);
    if (list.find(spiffeId.uri, certificate) !== undefined) throw certificateRevoked(certificate);
  }
  return keys.map((key, at) => ({ key, modRevision: entries[at]?.modRevision ?? 0 }));
}

function sameSecond(aMs: number, bMs: number): boolean {
  return Math.floor(aMs / SECOND_MS) === Math.floor(bMs / SECOND_MS);
}

/** The refusal of a certificate that was revoked. */
export function certificateRevoked(certificate: JudgedCertificate): RevocationError {
  return new RevocationError(
    'certificate-revoked',
    `the certificate ${serialOf(certificate)} was revoked`,
    { hint: 'enrol with a new join token if this identity is to return' },
  );
}

function identityRevoked({ uri, namespace, service }: SpiffeId): RevocationError {
  return new RevocationError('identity-revoked', `${uri} was revoked and gets no certificates`, {
    hint: `an operator readmits it with: hauberk readmit ${namespace}/${service}`,
  });
}

function readmittedJustNow({ uri }: SpiffeId): RevocationError {
  return new RevocationError('readmitted-just-now', `${uri} was readmitted within this second`, {
    hint: 'try again',
  });
}
