import { X509Certificate } from 'node:crypto';
import { isIssuedBy } from '../../common/pki/issued-by.ts';

/** Longer chains are made to keep us busy. */
const MAX_ISSUERS = 10;

/**
 * True when the signatures lead from a certificate, over the issuers that came with it, to one of the
 * authorities, whatever the dates say. Not enough to trust a certificate: it tells what is wrong with a
 * certificate that was refused.
 *
 * @param authorities in PEM
 */
export function chainsTo(leaf: X509Certificate, authorities: readonly string[]): boolean {
  const anchors = authorities.map((pem) => new X509Certificate(pem));
  let certificate: X509Certificate | undefined = leaf;
  for (let depth = 0; certificate !== undefined && depth < MAX_ISSUERS; depth += 1) {
    const current: X509Certificate = certificate;
    if (anchors.some((anchor) => current.raw.equals(anchor.raw) || isIssuedBy(current, anchor))) {
      return true;
    }
    const issuer: X509Certificate | undefined = current.issuerCertificate;
    certificate = issuer !== undefined && isIssuedBy(current, issuer) ? issuer : undefined;
  }
  return false;
}
