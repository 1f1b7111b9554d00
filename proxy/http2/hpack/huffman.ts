import { ConnectionError } from '../http2-error.ts';

/**
 * The lengths of the codes in bits, by symbol (RFC 7541 appendix B). The code is canonical: codes
 * grow with their length, and among those of one length with their symbol, so that the lengths are
 * all there is to know.
 */
// prettier-ignore -- rows of 16 symbols
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/** Ends no string: a code that must not appear whole (RFC 7541 section 5.2). */
const END_OF_STRING = 256;

/** A padding is shorter than a byte (RFC 7541 section 5.2). */
const MAX_PADDING_BITS = 7;

/**
 * The codes as a binary tree: `TREE[2 * node + bit]` is the next node, or the complement of a symbol.
 * Node 0 is the root, and so never the next one.
 */
const TREE = buildTree();

/**
 * Decodes a string of the static Huffman code (RFC 7541 section 5.2).
 *
 * @throws ConnectionError `COMPRESSION_ERROR` when the padding is too long or not all ones, or the
 * end-of-string symbol appears
 */
export function decodeHuffman(bytes: Uint8Array): string {
  // Bytes, since a string that grows by characters stays a node for each of them. The shortest code has five bits.
  const text = Buffer.allocUnsafe(Math.ceil((bytes.length * 8) / 5));
  let length = 0;
  let node = 0;
  let pendingBits = 0;
  let pendingOnes = true;
  for (const byte of bytes) {
    for (let shift = 7; shift >= 0; shift -= 1) {
      const bit = (byte >> shift) & 1;
      const next = TREE[2 * node + bit] ?? 0;
      pendingBits += 1;
      pendingOnes &&= bit === 1;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (~next === END_OF_STRING) throw malformed('the end-of-string symbol');
      text[length] = ~next;
      length += 1;
      node = 0;
      pendingBits = 0;
      pendingOnes = true;
    }
  }
  if (pendingBits > MAX_PADDING_BITS) throw malformed(`${pendingBits} bits of padding`);
  if (!pendingOnes) throw malformed('a padding that is not all ones');
  return text.toString('latin1', 0, length);
}

function buildTree(): Int16Array {
  const symbols = CODE_LENGTHS.map((length, symbol) => ({ length, symbol }));
  symbols.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  const tree = new Int16Array(2 * CODE_LENGTHS.length);
  let nodes = 1;
  let code = 0;
  let codeLength = 0;
  for (const { length, symbol } of symbols) {
    code <<= length - codeLength;
    codeLength = length;
    let node = 0;
    for (let shift = length - 1; shift > 0; shift -= 1) {
      const at = 2 * node + ((code >> shift) & 1);
      if (tree[at] === 0) {
        tree[at] = nodes;
        nodes += 1;
      }
      node = tree[at] ?? 0;
    }
    tree[2 * node + (code & 1)] = ~symbol;
    code += 1;
  }
  return tree;
}

function malformed(got: string): ConnectionError {
  return new ConnectionError('COMPRESSION_ERROR', `expected a Huffman-coded string, got ${got}`);
}
