import type { X509Certificate } from 'node:crypto';
import { subjectLine } from './certificate-name.ts';

/**
 * Whether a certificate names another one as its issuer, and is signed with its key. Not, when OpenSSL
 * cannot read the key: what others show may have any.
 */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Whether a certificate is signed with its own key. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

/**
 * Why a certificate is no authority that others could lead to, to follow "which"; undefined when
 * it is one. An authority has a name, by which it is found (RFC 5280 section 4.1.2.6).
 */
export function authorityProblem(certificate: X509Certificate): string | undefined {
  if (!certificate.ca) return 'may not sign any';
  return subjectLine(certificate) === '' ? 'no certificate can name as its issuer' : undefined;
}

/** Why a certificate is of no use at a moment because of its dates, to follow its name; undefined when it is. */
export function dateProblem(
  { validFromDate, validToDate }: X509Certificate,
  nowMs: number,
): string | undefined {
  if (validFromDate.getTime() > nowMs) return `is not valid before ${validFromDate.toISOString()}`;
  return validToDate.getTime() > nowMs ? undefined : `expired at ${validToDate.toISOString()}`;
}

/**
 * What an authority says that it is of, where that is something else than the trust domain (X509-SVID section
 * 4.1: its URI, when it has one, is its trust domain's).
 */
export function otherTrustDomain(
  { subjectAltName }: X509Certificate,
  trustDomain: string,
): string | undefined {
  const uris = subjectAltName?.split(', ').filter((name) => name.startsWith('URI:')) ?? [];
  return uris.map((uri) => uri.slice(4)).find((uri) => uri !== `spiffe://${trustDomain}`);
}
