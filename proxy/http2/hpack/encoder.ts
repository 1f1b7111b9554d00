import { STATIC_TABLE } from './static-table.ts';
import type { HeaderField } from './static-table.ts';

/**
 * Tells the peer's decoder to keep no table (RFC 7541 section 6.3). Sent once, before the first field:
 * a peer that shrinks SETTINGS_HEADER_TABLE_SIZE has to be told that we follow (section 4.2), and
 * nothing is smaller than this.
 */
export const NO_TABLE = Buffer.from([0x20]);

/** A name in the static table: its first index, and those of its values. */
interface StaticName {
  readonly index: number;
  readonly values: Map<string, number>;
}

const STATIC_NAMES = new Map<string, StaticName>();
for (const [at, [name, value]] of STATIC_TABLE.entries()) {
  const entry = STATIC_NAMES.get(name) ?? { index: at + 1, values: new Map<string, number>() };
  if (!entry.values.has(value)) entry.values.set(value, at + 1);
  STATIC_NAMES.set(name, entry);
}

/** Secrets of few bits, which no table on the way may compress beside an attacker's guesses (section 7.1.3). */
const NEVER_INDEXED = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/** Patterns of the first byte of a field, with the width of the integer in it (RFC 7541 section 6). */
const INDEXED = 0x80;
const WITHOUT_INDEXING = 0;
const NEVER_INDEXED_PATTERN = 0x10;

/** Shorter strings are written faster by hand than by a call into the runtime. */
const SHORT_LENGTH = 32;

/** The first bytes of two strings, each with its length. */
const INTEGER_ROOM = 16;

let block = Buffer.allocUnsafeSlow(16 * 1024);
let length = 0;

/**
 * Encodes a header block that depends on no other (RFC 7541): a field that is in the static table
 * becomes its index, any other a literal that enters no table. A table of our own would save some hundred bytes of a
 * message, and cost each field a search, each connection its memory, and each block its place in an order.
 *
 * Names must be lower case, and names and values of latin1 characters (RFC 9113 section 8.2).
 *
 * @returns the block, which is valid until the next call
 */
export function encodeHeaders(fields: readonly HeaderField[]): Buffer {
  length = 0;
  for (const [name, value] of fields) writeField(name, value);
  return block.subarray(0, length);
}

function writeField(name: string, value: string): void {
  makeRoom(name.length + value.length + INTEGER_ROOM);
  const known = STATIC_NAMES.get(name);
  const whole = known?.values.get(value);
  if (whole !== undefined) return writeInteger(whole, 7, INDEXED);
  const pattern = NEVER_INDEXED.has(name) ? NEVER_INDEXED_PATTERN : WITHOUT_INDEXING;
  writeInteger(known?.index ?? 0, 4, pattern);
  if (known === undefined) writeString(name);
  writeString(value);
}

/** A string as it is, without Huffman coding (RFC 7541 section 5.2). */
function writeString(text: string): void {
  writeInteger(text.length, 7, 0);
  if (text.length > SHORT_LENGTH) {
    length += block.write(text, length, 'latin1');
    return;
  }
  for (let at = 0; at < text.length; at += 1) block[length + at] = text.charCodeAt(at);
  length += text.length;
}

/** An integer behind the bits of a pattern (RFC 7541 section 5.1). */
function writeInteger(value: number, prefixBits: number, pattern: number): void {
  const prefix = (1 << prefixBits) - 1;
  if (value < prefix) {
    block[length] = pattern | value;
    length += 1;
    return;
  }
  block[length] = pattern | prefix;
  length += 1;
  let rest = value - prefix;
  for (; rest > 0x7f; rest >>>= 7) {
    block[length] = (rest & 0x7f) | 0x80;
    length += 1;
  }
  block[length] = rest;
  length += 1;
}

function makeRoom(bytes: number): void {
  if (length + bytes <= block.length) return;
  const larger = Buffer.allocUnsafeSlow(2 * (length + bytes));
  block.copy(larger, 0, 0, length);
  block = larger;
}
