import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { encodeBase36 } from '../base36.ts';

/** Characters of a secret: 36^25 is the first power of 36 above 2^128. */
export const SECRET_LENGTH = 25;
const SECRET_BYTES = 16;

/** A new secret of a join token: 128 random bits in base36. */
export function generateSecret(): string {
  return encodeBase36(randomBytes(SECRET_BYTES), SECRET_LENGTH);
}

/**
 * What to store of a secret: its SHA-256 in hexadecimal. The secret has 128 random bits, so a slow hash
 * would protect nothing more.
 */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

/** Whether a secret is the one that was hashed, in a time that does not depend on either. */
export function secretMatches(secret: string, hash: string): boolean {
  const expected = Buffer.from(hash, 'hex');
  const actual = Buffer.from(hashSecret(secret), 'hex');
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}
