import type { X509Certificate } from 'node:crypto';

/** A leaf, its issuer, and a root that another root has signed; more is not walked. */
const MAX_ISSUERS = 4;

/**
 * Whether the signatures lead from a leaf to one of the roots through certificates that may sign,
 * whatever their dates are: for a certificate that OpenSSL does not verify because it has expired, and
 * for finding out which of two clocks is wrong. What it does not look at is the leaf's names.
 *
 * @param leaf as TLS presented it: its `issuerCertificate` leads to the others
 */
export function isSignedBy(leaf: X509Certificate, roots: readonly X509Certificate[]): boolean {
  if (leaf.ca) return false;
  let link = leaf;
  for (let issuers = 0; issuers < MAX_ISSUERS; issuers += 1) {
    const signed = link;
    if (roots.some((root) => isIssuer(root, signed))) return true;
    const next = link.issuerCertificate;
    if (next === undefined || !isIssuer(next, link)) return false;
    link = next;
  }
  return false;
}

function isIssuer(issuer: X509Certificate, link: X509Certificate): boolean {
  if (!issuer.ca || !link.checkIssued(issuer) || !link.verify(issuer.publicKey)) return false;
  // Nothing that this mesh signs outlives what it was signed with.
  return issuer.validToDate >= link.validToDate;
}
