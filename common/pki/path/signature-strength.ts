import type { KeyObject, X509Certificate } from 'node:crypto';
import { decode, objectIdentifierValue, sequenceChildren, taggedChildren } from '../der/der.ts';

/** ECDSA and RSA with SHA-256 and more, and EdDSA: what OpenSSL takes at the level that TLS uses. */
const SIGNATURES: ReadonlySet<string> = new Set([
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.3.101.112',
  '1.3.101.113',
]);

/** RSASSA-PSS names its hash in parameters (RFC 4055 section 3.1); without them it is SHA-1. */
const RSA_PSS = '1.2.840.113549.1.1.10';
const HASHES: ReadonlySet<string> = new Set([
  '2.16.840.1.101.3.4.2.1',
  '2.16.840.1.101.3.4.2.2',
  '2.16.840.1.101.3.4.2.3',
]);

const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** What is 112 bits of security (NIST SP 800-57), and OpenSSL's least. */
const MIN_RSA_BITS = 2048;

/** Whether a certificate is signed in a way that still proves something. */
export function isSignedStrongly(certificate: X509Certificate): boolean {
  const [, algorithm] = sequenceChildren(decode(certificate.raw)) ?? [];
  const [oidNode, parameters] = sequenceChildren(algorithm) ?? [];
  const oid = objectIdentifierValue(oidNode);
  if (oid === undefined) return false;
  if (oid !== RSA_PSS) return SIGNATURES.has(oid);
  const [first] = sequenceChildren(parameters) ?? [];
  const [hash] = sequenceChildren(taggedChildren(first, 0)?.[0]) ?? [];
  return HASHES.has(objectIdentifierValue(hash) ?? '');
}

/** Whether a key is strong enough to sign certificates, or to be in one. */
export function isStrongKey({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'ec') return CURVES.has(asymmetricKeyDetails?.namedCurve ?? '');
  if (asymmetricKeyType === 'rsa' || asymmetricKeyType === 'rsa-pss') {
    return (asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_RSA_BITS;
  }
  return asymmetricKeyType === 'ed25519' || asymmetricKeyType === 'ed448';
}
