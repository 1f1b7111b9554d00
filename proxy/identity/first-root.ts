import type { X509Certificate } from 'node:crypto';
import type { WorkloadIdentity } from './source.ts';

/**
 * True when the certificate leads to the root that the bundle names first, below which the control
 * plane issues now; also when it leads to none, because then nothing can be said.
 */
export function leadsToFirstRoot({ chain, bundle }: WorkloadIdentity): boolean {
  for (const link of chain) {
    // A cross-signature further up leads on to another root, which is not how it is meant.
    const at = bundle.roots.findIndex((root) => isIssuedBy(link, root));
    if (at >= 0) return at === 0;
  }
  return true;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
