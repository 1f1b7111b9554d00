import type { X509Certificate } from 'node:crypto';
import {
  authorityFault,
  hasUnknownCritical,
  isStrong,
  isValidAt,
  servesFor,
  type LinkFault,
  type PathQuestion,
} from './authority-fault.ts';
import { isCostlyKey, MAX_PRESENTED } from '../../costly-certificates.ts';
import { certificateDetails } from '../der/certificate-details.ts';
import { keyUsageOf } from './key-usage.ts';
import { isSignedStrongly } from './signature-strength.ts';

/** Issuer, two above it, a cross-signature, the root. */
const MAX_PATH = 5;

/** Signatures that are tried: ten authorities that all sign each other make thousands of paths. */
const MAX_SIGNATURES = 20;

/** Why a certificate leads to no root. */
export type PathFault = LinkFault | 'leaf-not-valid' | 'leaf-may-sign' | 'no-path';

/** What each of them is, to follow "its certificate" in a sentence. */
export const PATH_FAULTS: Readonly<Record<PathFault, string>> = {
  'not-an-authority': 'was issued by a certificate that may not issue any',
  'authority-not-valid': 'was issued below an authority that was not valid then',
  purpose: 'is not for TLS of clients and servers, or an authority above it is not',
  'unknown-critical-extension':
    'has a critical extension that is not understood, on it or above it',
  'path-too-long': 'is below more authorities than the path length of one of them allows',
  'names-not-permitted': 'has names that an authority above it may not certify',
  'weak-signature': 'is signed with a weak key or hash, it or one above it',
  'leaf-not-valid': 'was not valid then',
  'leaf-may-sign': 'may sign others, or may not sign at all',
  'no-path': 'does not lead to a trusted root',
};

/** What to trust. */
export interface PathTrust extends PathQuestion {
  readonly roots: readonly X509Certificate[];
}

/**
 * What is wrong with a leaf and its path to one of these roots at a moment (RFC 5280 section 6.1):
 * everything that OpenSSL would look at then, for certificates that it does not judge because they
 * have expired. Its answer for those hides whatever else is wrong with them.
 *
 * @param leaf as TLS presented it: its `issuerCertificate` leads to the others
 */
export function pathFault(leaf: X509Certificate, trust: PathTrust): PathFault | undefined {
  try {
    return leafFault(leaf, trust) ?? climbFault(leaf, trust);
  } catch {
    // Something that is not understood proves nothing.
    return 'no-path';
  }
}

/**
 * Whether a client's certificate leads to one of these roots, for when TLS has verified it against
 * more roots than may vouch for its name: signatures, dates, path lengths, name constraints and
 * purposes of one path, whatever other path OpenSSL has found. The leaf's own dates and extensions
 * were judged by TLS.
 *
 * @param leaf as TLS presented it: its `issuerCertificate` leads to the others
 */
export function leadsToRoot(
  leaf: X509Certificate,
  roots: readonly X509Certificate[],
  nowMs: number,
): boolean {
  try {
    if (leaf.ca) return false;
    return climbFault(leaf, { roots, atMs: nowMs, purposes: ['clientAuth'] }) === undefined;
  } catch {
    return false;
  }
}

function leafFault(leaf: X509Certificate, { purposes, atMs }: PathQuestion): PathFault | undefined {
  const details = certificateDetails(leaf);
  const usage = keyUsageOf(details);
  if (leaf.ca || usage.isAuthority || !usage.digitalSignature) return 'leaf-may-sign';
  if (usage.isRestricted && (usage.keyCertSign || usage.cRLSign)) return 'leaf-may-sign';
  if (!isValidAt(leaf, atMs)) return 'leaf-not-valid';
  if (!servesFor(leaf, purposes)) return 'purpose';
  if (hasUnknownCritical(details)) return 'unknown-critical-extension';
  return isStrong(leaf) ? undefined : 'weak-signature';
}

interface Climb {
  readonly trust: PathTrust;
  readonly presented: readonly X509Certificate[];
  signatures: number;
  /** The first that was met. */
  fault?: PathFault;
}

function climbFault(leaf: X509Certificate, trust: PathTrust): PathFault | undefined {
  const presented: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    if (presented.length === MAX_PRESENTED) return 'no-path';
    presented.push(next);
  }
  const climb: Climb = { trust, presented, signatures: 0 };
  return climbFrom(climb, [leaf]) ? undefined : (climb.fault ?? 'no-path');
}

/** Goes up from the last of these, the leaf being the first. */
function climbFrom(climb: Climb, below: readonly X509Certificate[]): boolean {
  const { trust, presented } = climb;
  if (trust.roots.some((root) => mayIssue(climb, root, below))) return true;
  if (below.length > MAX_PATH) return false;
  return presented.some(
    (issuer) =>
      !below.includes(issuer) &&
      mayIssue(climb, issuer, below) &&
      // Nothing relies on a root's own signature; on that of others it does.
      (isSignedStrongly(issuer) || found(climb, 'weak-signature')) &&
      climbFrom(climb, [...below, issuer]),
  );
}

function mayIssue(
  climb: Climb,
  issuer: X509Certificate,
  below: readonly X509Certificate[],
): boolean {
  const link = below.at(-1);
  if (link === undefined || link.issuer !== issuer.subject) return false;
  if (isCostlyKey(issuer.publicKey)) return found(climb, 'weak-signature');
  climb.signatures += 1;
  if (climb.signatures > MAX_SIGNATURES || !link.verify(issuer.publicKey)) return false;
  const fault = authorityFault(issuer, below, climb.trust);
  if (fault !== undefined) return found(climb, fault);
  // Names in all their forms, key identifiers, keyUsage.
  return link.checkIssued(issuer) || found(climb, 'not-an-authority');
}

function found(climb: Climb, fault: PathFault): false {
  climb.fault ??= fault;
  return false;
}
