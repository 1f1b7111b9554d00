import test from 'ava';
import { HpackDecoder } from '../../../../proxy/http2/hpack/decoder.ts';
import { encodeHeaders } from '../../../../proxy/http2/hpack/encoder.ts';
import { STATIC_TABLE, type HeaderField } from '../../../../proxy/http2/hpack/static-table.ts';
import { createRandom } from '../../../helpers/random.ts';

const ROOM = { maxListBytes: 16 * 1024 * 1024, maxFields: 10_000 };

test('what is in the static table is one byte, with the first index of its kind', (t) => {
  for (const [at, field] of STATIC_TABLE.entries()) {
    if (field[1] === '') continue;
    t.deepEqual([...encodeHeaders([field])], [0x80 | (at + 1)]);
  }
});

test('a name of the static table is its index, and any other is written out', (t) => {
  // RFC 7541 appendix C.2.2.
  t.is(encodeHeaders([[':path', '/sample/path']]).toString('hex'), '040c2f73616d706c652f70617468');
  t.is(encodeHeaders([['x-a', 'b']]).toString('hex'), '0003782d610162');
});

test('secrets are never indexed, by whomever the block is passed on (RFC 7541 section 7.1.3)', (t) => {
  for (const name of ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']) {
    t.is((encodeHeaders([[name, 'secret']])[0] ?? 0) & 0xf0, 0x10, name);
  }
  t.is((encodeHeaders([['x-a', 'public']])[0] ?? 0) & 0xf0, 0);
});

test('a decoder reads what was written, of any length and with any byte', (t) => {
  const random = createRandom(7541);
  const lengths = [0, 1, 31, 32, 33, 126, 127, 128, 255, 5_000, 40_000];
  const text = (length: number): string =>
    Buffer.from(Array.from({ length }, () => random(256))).toString('latin1');
  for (let round = 0; round < 50; round += 1) {
    const fields = Array.from({ length: random(8) }, (): HeaderField => {
      const length = lengths[random(lengths.length)] ?? 0;
      return [`x-${'n'.repeat(random(200))}`, text(length)];
    });
    t.deepEqual(new HpackDecoder(ROOM).decode(encodeHeaders(fields)), fields);
  }
});

test('a block is valid until the next one is made', (t) => {
  const first = encodeHeaders([['x-a', 'one']]);
  const copy = Buffer.from(first);
  encodeHeaders([['x-a', 'two']]);
  t.false(first.equals(copy), 'the memory is the same');
});
