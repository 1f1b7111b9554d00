import type { X509Certificate } from 'node:crypto';
import { certificateDetails, type CertificateDetails } from './certificate-extensions.ts';
import { integerBytes, sequenceChildren } from './der.ts';
import { EXTENSION_OIDS } from './extensions.ts';
import { permitsNames, type ConstrainedNames } from './name-constraints.ts';

/** Nobody shows more than a leaf, its issuers and some cross-signatures. */
const MAX_PRESENTED = 10;

/** Issuer, two above it, a cross-signature, the root. */
const MAX_PATH = 5;

const NAME_CONSTRAINTS = '2.5.29.30';
const ANY_PURPOSE = '2.5.29.37.0';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** Critical extensions of an authority that are understood here, or by OpenSSL in every handshake. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  ...Object.values(EXTENSION_OIDS),
  NAME_CONSTRAINTS,
]);

/**
 * Whether a client's certificate leads to one of these roots (RFC 5280 section 6.1), for when TLS has
 * verified it against more roots than may vouch for its name: signatures, dates, path lengths, name
 * constraints and purposes of one path, whatever other path OpenSSL has found. The leaf's own
 * signature, dates and extensions were judged by TLS.
 *
 * @param leaf as TLS presented it: its `issuerCertificate` leads to the others
 */
export function leadsToRoot(
  leaf: X509Certificate,
  roots: readonly X509Certificate[],
  nowMs: number,
): boolean {
  if (leaf.ca) return false;
  const presented: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    if (presented.length === MAX_PRESENTED) return false;
    presented.push(next);
  }
  try {
    return climb({ roots, presented, nowMs, names: namesOf(leaf) }, leaf, []);
  } catch {
    // Something that is not understood proves nothing.
    return false;
  }
}

interface Climb {
  readonly roots: readonly X509Certificate[];
  readonly presented: readonly X509Certificate[];
  readonly nowMs: number;
  readonly names: ConstrainedNames;
}

/** Goes up from a link, below which there are these issuers, the highest last. */
function climb(all: Climb, link: X509Certificate, below: readonly X509Certificate[]): boolean {
  const { roots, presented } = all;
  if (roots.some((root) => mayIssue(all, root, link, below))) return true;
  if (below.length >= MAX_PATH) return false;
  return presented.some(
    (issuer) =>
      !below.includes(issuer) &&
      mayIssue(all, issuer, link, below) &&
      climb(all, issuer, [...below, issuer]),
  );
}

function mayIssue(
  { nowMs, names }: Climb,
  issuer: X509Certificate,
  link: X509Certificate,
  below: readonly X509Certificate[],
): boolean {
  if (!issuer.ca || !link.checkIssued(issuer) || !link.verify(issuer.publicKey)) return false;
  if (issuer.validFromDate.getTime() > nowMs || issuer.validToDate.getTime() <= nowMs) return false;
  // Node.js means the extended ones.
  const purposes = issuer.keyUsage as readonly string[] | undefined;
  if (
    purposes !== undefined &&
    !purposes.some((one) => one === CLIENT_AUTH || one === ANY_PURPOSE)
  ) {
    return false;
  }
  const { extensions } = certificateDetails(issuer);
  for (const [oid, { critical }] of extensions) {
    if (critical && !UNDERSTOOD.has(oid)) return false;
  }
  if (below.length > pathLengthOf(extensions)) return false;
  const constraints = extensions.get(NAME_CONSTRAINTS);
  return constraints === undefined || permitsNames(constraints.value, names);
}

/** How many issuers may be below this one. */
function pathLengthOf(extensions: CertificateDetails['extensions']): number {
  const constraints = extensions.get(EXTENSION_OIDS.basicConstraints);
  const limit = integerBytes(sequenceChildren(constraints?.value)?.[1]);
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  return limit.length === 1 ? (limit[0] ?? 0) : Number.POSITIVE_INFINITY;
}

function namesOf(leaf: X509Certificate): ConstrainedNames {
  const names = leaf.subjectAltName?.split(', ') ?? [];
  const texts = (prefix: string): string[] =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const [uris, dnsNames] = [texts('URI:'), texts('DNS:')];
  return {
    uriHosts: uris.map((uri) => new URL(uri).hostname),
    dnsNames: dnsNames.map((name) => name.toLowerCase()),
    others: uris.length + dnsNames.length !== names.length,
    subject: certificateDetails(leaf).subject,
  };
}
