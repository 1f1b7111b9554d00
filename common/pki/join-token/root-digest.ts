import { createHash, type X509Certificate } from 'node:crypto';
import { encodeBase36 } from '../base36.ts';

/** Characters of a root digest: 36^50 is the first power of 36 above 2^256. */
export const ROOT_DIGEST_LENGTH = 50;

/** The SHA-256 of a root certificate's DER in base36, as join tokens carry it to pin the root. */
export function rootDigest(root: X509Certificate): string {
  return encodeBase36(createHash('sha256').update(root.raw).digest(), ROOT_DIGEST_LENGTH);
}
