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
