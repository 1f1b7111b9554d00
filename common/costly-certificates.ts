import type { KeyObject, X509Certificate } from 'node:crypto';

/** No honest peer shows more than a leaf, its issuers and some cross-signatures. */
export const MAX_PRESENTED = 10;

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const MAX_RSA_BITS = 4096;
const MAX_RSA_EXPONENT = 2n ** 32n;

/**
 * Whether it takes long to look at a signature of this key: 5 ms with RSA of 16,384 bits, or with a large exponent,
 * where P-256 takes 0.1 ms. Who shows it need not have the private one, and OpenSSL looks at every certificate.
 */
export function isCostlyKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { namedCurve = '', modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'ec') return !CURVES.has(namedCurve);
  if (asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss') {
    return modulusLength > MAX_RSA_BITS || publicExponent > MAX_RSA_EXPONENT;
  }
  return asymmetricKeyType !== 'ed25519' && asymmetricKeyType !== 'ed448';
}

/** Whether a peer made us look at more, or at other certificates than a mesh needs. */
export function isCostlyChain(leaf: X509Certificate | undefined): boolean {
  let count = 0;
  for (let next = leaf; next !== undefined; next = next.issuerCertificate) {
    count += 1;
    if (count > MAX_PRESENTED || isCostlyKey(next.publicKey)) return true;
  }
  return false;
}
