import fc from 'fast-check';
import test from 'ava';
import { TcpStream } from '../../../../cli/verify/wire/tcp-stream.ts';

interface Piece {
  readonly sequence: number;
  readonly syn?: boolean;
  readonly text?: string;
}

function assemble(pieces: readonly Piece[]): string {
  let text = '';
  const stream = new TcpStream({
    data: (bytes) => (text += bytes.toString('latin1')),
    gap: () => (text += '|'),
  });
  for (const { sequence, syn = false, text: body = '' } of pieces) {
    stream.add({ sequence: sequence >>> 0, syn, payload: Buffer.from(body, 'latin1') });
  }
  stream.end();
  return text;
}

const CASES: readonly (readonly [string, readonly Piece[], string])[] = [
  [
    'in order',
    [
      { sequence: 100, text: 'abc' },
      { sequence: 103, text: 'def' },
    ],
    'abcdef',
  ],
  [
    'a SYN counts as one',
    [
      { sequence: 99, syn: true },
      { sequence: 100, text: 'abc' },
    ],
    'abc',
  ],
  [
    'data with the SYN',
    [
      { sequence: 99, syn: true, text: 'ab' },
      { sequence: 102, text: 'c' },
    ],
    'abc',
  ],
  [
    'out of order',
    [
      { sequence: 100, text: 'ab' },
      { sequence: 106, text: 'gh' },
      { sequence: 104, text: 'ef' },
      { sequence: 102, text: 'cd' },
    ],
    'abcdefgh',
  ],
  [
    'sent again, whole',
    [
      { sequence: 100, text: 'abc' },
      { sequence: 100, text: 'abc' },
      { sequence: 103, text: 'd' },
    ],
    'abcd',
  ],
  [
    'sent again, with more',
    [
      { sequence: 100, text: 'abc' },
      { sequence: 101, text: 'bcde' },
    ],
    'abcde',
  ],
  [
    'overlaps among what came early',
    [
      { sequence: 100, text: 'a' },
      { sequence: 103, text: 'def' },
      { sequence: 104, text: 'ef' },
      { sequence: 101, text: 'bcd' },
    ],
    'abcdef',
  ],
  [
    'across the end of the numbers',
    [
      { sequence: 2 ** 32 - 2, text: 'ab' },
      { sequence: 2, text: 'ef' },
      { sequence: 0, text: 'cd' },
    ],
    'abcdef',
  ],
  [
    'a keep-alive probe before the next byte',
    [
      { sequence: 100, text: 'abc' },
      { sequence: 102, text: '\0' },
      { sequence: 103, text: 'd' },
    ],
    'abcd',
  ],
  [
    'bytes that never came',
    [
      { sequence: 100, text: 'a' },
      { sequence: 105, text: 'f' },
      { sequence: 106, text: 'g' },
      { sequence: 110, text: 'k' },
    ],
    'a|fg|k',
  ],
  ['nothing', [{ sequence: 7, syn: true }], ''],
];

for (const [what, pieces, expected] of CASES) {
  test(`a stream is put together: ${what}`, (t) => t.is(assemble(pieces), expected));
}

test('any order, any cuts and any repetition give the same stream', (t) => {
  const text = 'The quick brown fox jumps over the lazy dog.';
  const cut = fc.tuple(fc.nat(text.length - 1), fc.integer({ min: 1, max: 12 }));
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 1), fc.array(cut, { maxLength: 40 }), (initial, cuts) => {
      const pieces = cuts.map(([from, length]) => ({
        sequence: initial + 1 + from,
        text: text.slice(from, from + length),
      }));
      const bytewise = Array.from({ length: text.length }, (_, at) => ({
        sequence: initial + 1 + at,
        text: text.charAt(at),
      }));
      const all = [{ sequence: initial, syn: true }, ...pieces, ...bytewise.toReversed()];
      t.is(assemble(all), text);
    }),
    { numRuns: 200 },
  );
});
