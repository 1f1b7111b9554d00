import type { X509Certificate } from 'node:crypto';
import { certificateDetails, type CertificateDetails } from '../der/certificate-details.ts';
import { integerBytes, sequenceChildren } from '../der/der.ts';
import { EXTENSION_OIDS } from '../der/extensions.ts';
import { keyUsageOf } from './key-usage.ts';
import { permitsNames, type ConstrainedNames } from './name-constraints.ts';
import { isSignedStrongly, isStrongKey } from './signature-strength.ts';

/** What a certificate is shown for: extended key usage (RFC 5280 section 4.2.1.12). */
export const PURPOSES = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** One of them. */
export type Purpose = keyof typeof PURPOSES;

/** Why a certificate is no link between a leaf and a root. */
export type LinkFault =
  | 'not-an-authority'
  | 'authority-not-valid'
  | 'purpose'
  | 'unknown-critical-extension'
  | 'path-too-long'
  | 'names-not-permitted'
  | 'weak-signature';

/** For what, and when, a path is looked at. */
export interface PathQuestion {
  readonly purposes: readonly Purpose[];
  /** In milliseconds since the epoch. */
  readonly atMs: number;
}

const NAME_CONSTRAINTS = '2.5.29.30';

/** Means nothing as long as no policy is required, which would be another extension. */
const CERTIFICATE_POLICIES = '2.5.29.32';

const UNDERSTOOD: ReadonlySet<string> = new Set([
  ...Object.values(EXTENSION_OIDS),
  NAME_CONSTRAINTS,
  CERTIFICATE_POLICIES,
]);

/**
 * What is wrong with an authority as the issuer of the last of these certificates, whose signature it
 * has made (RFC 5280 section 6.1.4).
 *
 * @param below the leaf first
 * @throws Error when something about it cannot be understood
 */
export function authorityFault(
  issuer: X509Certificate,
  below: readonly X509Certificate[],
  { purposes, atMs }: PathQuestion,
): LinkFault | undefined {
  const details = certificateDetails(issuer);
  const { extensions } = details;
  const usage = keyUsageOf(details);
  if (!issuer.ca || !usage.isAuthority || !usage.keyCertSign) return 'not-an-authority';
  if (!isValidAt(issuer, atMs)) return 'authority-not-valid';
  if (!servesFor(issuer, purposes)) return 'purpose';
  if (hasUnknownCritical(details)) return 'unknown-critical-extension';
  // Neither the leaf counts, nor an authority that has only changed its key.
  const authorities = below.slice(1).filter(({ subject, issuer: by }) => subject !== by);
  if (authorities.length > pathLengthOf(extensions)) return 'path-too-long';
  const constraints = extensions.get(NAME_CONSTRAINTS)?.value;
  if (constraints !== undefined) {
    const named = [...below.slice(0, 1), ...authorities];
    if (!named.every((one) => permitsNames(constraints, namesOf(one))))
      return 'names-not-permitted';
  }
  return isStrongKey(issuer.publicKey) ? undefined : 'weak-signature';
}

/** Whether its dates are right at a moment. */
export function isValidAt({ validFromDate, validToDate }: X509Certificate, atMs: number): boolean {
  return validFromDate.getTime() <= atMs && atMs < validToDate.getTime();
}

/** Whether it may be used for all of these; one that does not say may be. */
export function servesFor(certificate: X509Certificate, purposes: readonly Purpose[]): boolean {
  // Node.js means the extended ones.
  const listed = certificate.keyUsage as readonly string[] | undefined;
  return listed === undefined || purposes.every((purpose) => listed.includes(PURPOSES[purpose]));
}

/** Whether it has something that only who understands it may overlook. */
export function hasUnknownCritical({ extensions }: CertificateDetails): boolean {
  return extensions.entries().some(([oid, { critical }]) => critical && !UNDERSTOOD.has(oid));
}

/** Whether its own signature still proves something, and its key. */
export function isStrong(certificate: X509Certificate): boolean {
  return isSignedStrongly(certificate) && isStrongKey(certificate.publicKey);
}

/** How many issuers may be below this one. */
function pathLengthOf(extensions: CertificateDetails['extensions']): number {
  const constraints = extensions.get(EXTENSION_OIDS.basicConstraints);
  const limit = integerBytes(sequenceChildren(constraints?.value)?.[1]);
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  return limit.length === 1 ? (limit[0] ?? 0) : Number.POSITIVE_INFINITY;
}

function namesOf(certificate: X509Certificate): ConstrainedNames {
  const names = certificate.subjectAltName?.split(', ') ?? [];
  const texts = (prefix: string): string[] =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const [uris, dnsNames] = [texts('URI:'), texts('DNS:')];
  return {
    uriHosts: uris.map((uri) => new URL(uri).hostname),
    dnsNames: dnsNames.map((name) => name.toLowerCase()),
    others: uris.length + dnsNames.length !== names.length,
    subject: certificateDetails(certificate).subject,
  };
}
