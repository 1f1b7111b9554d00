import { createHash } from 'node:crypto';

/**
 * What a file of JSON says of itself, so that a byte that a disk has changed is noticed: what is damaged may well be
 * a certificate that can be read and that no peer accepts. It is no protection from those who can write the file.
 */
interface Digested {
  readonly digest?: unknown;
}

/** The value with its digest, for JSON.stringify. */
export function withDigest<Value extends object>(
  value: Value,
): Value & { readonly digest: string } {
  return { ...value, digest: digestOf(value) };
}

/**
 * Checks what JSON.parse gave; what an older version has written has no digest, and passes.
 *
 * @throws TypeError when it is not what was written
 */
export function checkDigest(parsed: unknown): void {
  if (typeof parsed !== 'object' || parsed === null) return;
  const { digest, ...value } = parsed as Digested;
  if (digest === undefined || digest === digestOf(value)) return;
  throw new TypeError('the file is not as it was written');
}

/** JSON keeps the order of keys, so that what was read is written again in the same way. */
function digestOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
