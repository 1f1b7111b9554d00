import { STATIC_TABLE } from './static-table.ts';
import type { HeaderField } from './static-table.ts';

/**
 * Tells the peer's decoder to keep no table (RFC 7541 section 6.3). Sent once, before the first field:
 * a peer that shrinks SETTINGS_HEADER_TABLE_SIZE has to be told that we follow (section 4.2), and
 * nothing is smaller than this.
 */
export const NO_TABLE = Buffer.from([0x20]);

/**
 * Encodes a header block that depends on no other (RFC 7541): a field that is in the static table
 * becomes its index, any other a literal that enters no table. What we send is a CONNECT of some
 * thirty bytes or a status of one, so that a table of our own would save nothing worth its state.
 *
 * Names must be lower case, and names and values of latin1 characters (RFC 9113 section 8.2).
 */
export function encodeHeaders(fields: readonly HeaderField[]): Buffer {
  return Buffer.concat(fields.map(encodeField));
}

function encodeField([name, value]: HeaderField): Buffer {
  const whole = STATIC_TABLE.findIndex((field) => field[0] === name && field[1] === value);
  if (whole >= 0) return encodeInteger(whole + 1, { prefixBits: 7, pattern: 0x80 });
  const sameName = STATIC_TABLE.findIndex((field) => field[0] === name);
  const index = encodeInteger(sameName + 1, { prefixBits: 4, pattern: 0 });
  const parts = sameName >= 0 ? [index] : [index, encodeString(name)];
  return Buffer.concat([...parts, encodeString(value)]);
}

/** A string as it is, without Huffman coding (RFC 7541 section 5.2). */
function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([encodeInteger(bytes.length, { prefixBits: 7, pattern: 0 }), bytes]);
}

/** An integer behind the bits of a pattern (RFC 7541 section 5.1). */
function encodeInteger(
  value: number,
  { prefixBits, pattern }: { readonly prefixBits: number; readonly pattern: number },
): Buffer {
  const prefix = 2 ** prefixBits - 1;
  if (value < prefix) return Buffer.from([pattern | value]);
  const bytes = [pattern | prefix];
  let rest = value - prefix;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
