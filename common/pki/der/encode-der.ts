import type forge from 'node-forge';

const CONSTRUCTED = 0x20;
const INTEGER = 2;
const BMP_STRING = 30;
/** Shorter lengths are their own encoding; of others the first byte says how many bytes they have. */
const LONG_FORM = 0x80;
/** A tag, and a length of up to four bytes after the one that says so. */
const MOST_HEADER_BYTES = 6;

/**
 * The bytes of a tree as DER wants them (X.690 section 10): the same as those of node-forge, which builds a
 * text for each node and copies it once for each node above it. Here one buffer is filled from its end, so
 * that each length is known when its turn comes:
 *
 *     sequence { integer, string }      bytes:  30 .. 02 01 05 0c 02 68 69
 *                                       order:  5  4  3  2  .  1  .  <──
 */
export function encodeDer(root: forge.asn1.Asn1): Buffer {
  const bytes = Buffer.allocUnsafe(mostBytesOf(root));
  return bytes.subarray(writeBefore(bytes, bytes.length, root));
}

function mostBytesOf({ value, type }: forge.asn1.Asn1): number {
  if (typeof value === 'string') {
    return MOST_HEADER_BYTES + value.length * (Number(type) === BMP_STRING ? 2 : 1);
  }
  return value.reduce((sum, child) => sum + mostBytesOf(child), MOST_HEADER_BYTES);
}

/** @returns where it begins */
function writeBefore(bytes: Buffer, end: number, node: forge.asn1.Asn1): number {
  const { value, tagClass, type } = node;
  let at = end;
  if (typeof value === 'string') {
    const content = contentOf(value, type);
    at -= content.length;
    bytes.write(content, at, 'latin1');
  } else {
    for (let child = value.length - 1; child >= 0; child -= 1) {
      const below = value[child];
      if (below !== undefined) at = writeBefore(bytes, at, below);
    }
  }
  at = writeLengthBefore(bytes, at, end - at);
  bytes[at - 1] = tagClass | type | (node.constructed ? CONSTRUCTED : 0);
  return at - 1;
}

function writeLengthBefore(bytes: Buffer, end: number, length: number): number {
  if (length < LONG_FORM) {
    bytes[end - 1] = length;
    return end - 1;
  }
  let at = end;
  for (let rest = length; rest > 0; rest >>>= 8) bytes[(at -= 1)] = rest & 0xff;
  bytes[at - 1] = LONG_FORM | (end - at);
  return at - 1;
}

/** One character a byte. */
function contentOf(value: string, type: number): string {
  if (type === INTEGER && isPadded(value)) return value.slice(1);
  // node-forge reads two bytes into a character.
  return type === BMP_STRING ? Buffer.from(value, 'utf16le').swap16().toString('latin1') : value;
}

/** Its first byte says nothing that the second does not say: what was read that way is not DER. */
function isPadded(value: string): boolean {
  if (value.length < 2) return false;
  const isNegative = value.charCodeAt(1) >= 0x80;
  return value.charCodeAt(0) === (isNegative ? 0xff : 0);
}
