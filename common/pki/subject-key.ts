import { createHash, type KeyObject } from 'node:crypto';
import { algorithmOfKey } from './signature-algorithm.ts';

/** A public key, ready for a certificate or a request. */
export interface SubjectKey {
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Buffer;
  /** Method 1 of RFC 7093 section 2: the leftmost 160 bits of the key's SHA-256. */
  readonly keyId: Buffer;
}

const KEY_ID_BYTES = 20;

/**
 * Prepares a public key for a certificate.
 *
 * @throws PkiError `csr-key-unsupported` when it is not a P-256, P-384 or Ed25519 key
 */
export function subjectKeyOf(publicKey: KeyObject): SubjectKey {
  const { spkiHeader } = algorithmOfKey(publicKey);
  // Five times as fast as to export the whole SubjectPublicKeyInfo, which OpenSSL encodes slowly.
  const key = publicKey.export({ format: 'raw-public' });
  return {
    spki: Buffer.concat([spkiHeader, key]),
    keyId: createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES),
  };
}
