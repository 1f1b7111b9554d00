import test from 'ava';
import { decodeHuffman } from '../../../../proxy/http2/hpack/huffman.ts';

/** Codes of RFC 7541 appendix B: the first and last of their lengths, and bytes that no text has. */
const CODES: readonly [symbol: number, code: number, bits: number][] = [
  [48, 0x0, 5],
  [116, 0x9, 5],
  [32, 0x14, 6],
  [117, 0x2d, 6],
  [58, 0x5c, 7],
  [122, 0x7b, 7],
  [38, 0xf8, 8],
  [90, 0xfd, 8],
  [33, 0x3f8, 10],
  [63, 0x3fc, 10],
  [39, 0x7fa, 11],
  [124, 0x7fc, 11],
  [35, 0xffa, 12],
  [0, 0x1ff8, 13],
  [126, 0x1ffd, 13],
  [94, 0x3ffc, 14],
  [60, 0x7ffc, 15],
  [92, 0x7fff0, 19],
  [195, 0x7fff1, 19],
  [128, 0xfffe6, 20],
  [153, 0x1fffdc, 21],
  [129, 0x3fffd2, 22],
  [1, 0x7fffd8, 23],
  [9, 0xffffea, 24],
  [142, 0xffffeb, 24],
  [199, 0x1ffffec, 25],
  [192, 0x3ffffe0, 26],
  [255, 0x3ffffee, 26],
  [203, 0x7ffffde, 27],
  [2, 0xfffffe2, 28],
  [127, 0xffffffc, 28],
  [249, 0xffffffe, 28],
  [10, 0x3ffffffc, 30],
  [13, 0x3ffffffd, 30],
  [22, 0x3ffffffe, 30],
];

/** The codes one behind the other, padded with ones. */
function pack(codes: readonly (readonly [code: number, bits: number])[]): Buffer {
  const bits = codes.map(([code, length]) => code.toString(2).padStart(length, '0')).join('');
  const padded = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
  return Buffer.from((padded.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

test('codes of appendix B decode to their symbols, alone and in a row', (t) => {
  for (const [symbol, code, bits] of CODES) {
    t.is(decodeHuffman(pack([[code, bits]])), String.fromCharCode(symbol), `symbol ${symbol}`);
  }
  const all = CODES.map(([symbol]) => String.fromCharCode(symbol)).join('');
  t.is(decodeHuffman(pack(CODES.map(([, code, bits]) => [code, bits]))), all);
});

test('padding is up to seven ones, and nothing else', (t) => {
  t.is(decodeHuffman(Buffer.of()), '');
  t.is(decodeHuffman(Buffer.of(0b0000_0111)), '0');
  for (const bytes of [[0b0000_0110], [0b0000_0111, 0xff], [0xff], [0xff, 0xff, 0xff, 0xff]]) {
    t.like(
      t.throws(() => decodeHuffman(Buffer.from(bytes))),
      { code: 'COMPRESSION_ERROR' },
    );
  }
});

test('the code is complete: every sequence of bits either decodes or is refused', (t) => {
  for (let value = 0; value < 65_536; value += 1) {
    const bytes = Buffer.of(value >> 8, value & 0xff);
    try {
      t.true(decodeHuffman(bytes).length > 0);
    } catch (error) {
      t.like(error, { code: 'COMPRESSION_ERROR' });
    }
  }
});
