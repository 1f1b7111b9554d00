import { createHash, randomBytes } from 'node:crypto';

/** 256 bits cannot be guessed. */
const SECRET_BYTES = 32;

/** A new secret, in letters that may stand in a link, a cookie and a field. */
export function createSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** What is kept of a secret, and looked up by: a reader of the memory's maps has no secret, and time tells nothing. */
export function secretDigest(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
