import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { EgressDestination } from '../../common/authorization/egress.ts';

/** Why the certificate of a server outside is not accepted. */
export type CertificateRefusal =
  | 'unknown-ca' // It does not chain to an authority of the policy.
  | 'expired' // It, or one of its issuers, has expired.
  | 'not-yet-valid' // It, or one of its issuers, is not valid yet.
  | 'certificate-invalid' // It is for another purpose, too weak, or broken.
  | 'name-mismatch' // It is for other names.
  | 'cn-only'; // It has the name in its subject only.

/** What a server showed in the handshake. */
export interface ShownCertificate {
  /** How OpenSSL judged the chain against the trust store of the policy; undefined when it is good. */
  readonly verifyError: string | undefined;
  readonly leaf: X509Certificate;
  /** Whether it comes from an authority of the policy, whatever its dates are. */
  readonly isSigned: () => boolean;
}

/** The verdict about a certificate. */
export type CertificateCheck =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'refused';
      readonly reason: CertificateRefusal;
      /** The end of a sentence. */
      readonly why: string;
    };

/** What of a policy decides. */
export type CertificatePolicy = Pick<
  EgressDestination,
  'hostname' | 'subjectAltNames' | 'allowCommonName'
>;

const ACCEPTED: CertificateCheck = { kind: 'accepted' };

/** Names as RFC 6125 has them: one label for a wildcard, none in part, nothing from the subject. */
const STRICTLY = { subject: 'never', partialWildcards: false } as const;

/**
 * Judges the certificate of a server outside. The names follow BackendTLSPolicy v1 of the Gateway API:
 * one of the alternative names where the policy has any, otherwise the hostname.
 */
export function checkServerCertificate(
  policy: CertificatePolicy,
  { leaf, verifyError, isSigned }: ShownCertificate,
): CertificateCheck {
  if (verifyError !== undefined) {
    const reason = CHAIN_REFUSALS[verifyError] ?? 'certificate-invalid';
    // Of several errors OpenSSL tells the last: a date would hide that it is from another authority.
    if ((reason === 'expired' || reason === 'not-yet-valid') && !isSigned()) {
      const why = 'its certificate is not from an authority of the policy';
      return { kind: 'refused', reason: 'unknown-ca', why: `${why} (and ${verifyError})` };
    }
    return { kind: 'refused', reason, why: `its certificate is not accepted (${verifyError})` };
  }
  const { hostnames, uris } = policy.subjectAltNames;
  if (hostnames.length + uris.length > 0) {
    // A value that could hold the separator is written in quotes, and is none that a policy can have.
    const present = leaf.subjectAltName?.split(', ') ?? [];
    const named = hostnames.some((name) => isFor(leaf, name));
    if (named || uris.some((uri) => present.includes(`URI:${uri}`))) return ACCEPTED;
    return mismatch(leaf, [...hostnames, ...uris].join(' or '));
  }
  const { hostname } = policy;
  if (isFor(leaf, hostname)) return ACCEPTED;
  // With an alternative name the subject counts for nothing (RFC 9525 section 2).
  const hasNames = leaf.subjectAltName !== undefined;
  const options = { subject: 'always', partialWildcards: false } as const;
  if (hasNames || isIP(hostname) !== 0 || leaf.checkHost(hostname, options) === undefined) {
    return mismatch(leaf, hostname);
  }
  if (policy.allowCommonName) return ACCEPTED;
  const why = `its certificate has the name ${hostname} in its subject only`;
  return { kind: 'refused', reason: 'cn-only', why };
}

function isFor(leaf: X509Certificate, name: string): boolean {
  const found = isIP(name) === 0 ? leaf.checkHost(name, STRICTLY) : leaf.checkIP(name);
  return found !== undefined;
}

function mismatch(
  { subjectAltName, subject }: X509Certificate,
  expected: string,
): CertificateCheck {
  const shown = (subjectAltName ?? subject).slice(0, 256).replaceAll('\n', ', ');
  const why = `expected a certificate for ${expected}, got one for ${shown || 'nothing'}`;
  return { kind: 'refused', reason: 'name-mismatch', why };
}

/** The errors of X509_verify_cert that say more than that something is wrong. */
const CHAIN_REFUSALS: Readonly<Record<string, CertificateRefusal>> = {
  UNABLE_TO_GET_ISSUER_CERT: 'unknown-ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown-ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown-ca',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown-ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown-ca',
  CERT_SIGNATURE_FAILURE: 'unknown-ca',
  CERT_UNTRUSTED: 'unknown-ca',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
};
