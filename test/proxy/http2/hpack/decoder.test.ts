import test from 'ava';
import { HpackDecoder } from '../../../../proxy/http2/hpack/decoder.ts';
import { encodeHeaders, NO_TABLE } from '../../../../proxy/http2/hpack/encoder.ts';
import type { HeaderField } from '../../../../proxy/http2/hpack/static-table.ts';
import type { ErrorName } from '../../../../proxy/http2/http2-error.ts';
import { ConnectionError } from '../../../../proxy/http2/http2-error.ts';
import { RFC_VECTORS } from './rfc-vectors.ts';

const LIMITS = { maxListBytes: 16 * 1024, maxFields: 64 };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

for (const { section, blocks } of RFC_VECTORS) {
  test(`RFC 7541 appendix ${section}`, (t) => {
    const decoder = new HpackDecoder(LIMITS);
    for (const block of blocks) t.deepEqual(decoder.decode(hex(block.hex)), [...block.fields]);
  });
}

/** Blocks of one connection; the last one is refused with the code. */
const REFUSALS: readonly [what: string, code: ErrorName, ...blocks: string[]][] = [
  ['index 0', 'COMPRESSION_ERROR', '80'],
  ['an index behind the static table, which is empty', 'COMPRESSION_ERROR', 'be'],
  ['an index of a name behind the tables', 'COMPRESSION_ERROR', '7e 01 61'],
  ['an entry that was evicted', 'COMPRESSION_ERROR', '40 01 61 01 62', '20', 'be'],
  ['an integer without an end', 'COMPRESSION_ERROR', 'ff ff'],
  ['an integer of six bytes', 'COMPRESSION_ERROR', 'ff ff ff ff ff 01'],
  ['an integer of many zeros', 'COMPRESSION_ERROR', 'ff 80 80 80 80 80 00'],
  ['a string longer than the block', 'COMPRESSION_ERROR', '00 05 61 62'],
  ['a string that is not there', 'COMPRESSION_ERROR', '00 01 61'],
  ['a length without a string', 'COMPRESSION_ERROR', '00'],
  ['a table larger than ours', 'COMPRESSION_ERROR', '3f e2 1f'],
  ['a size update behind a field', 'COMPRESSION_ERROR', '82 20'],
  ['three size updates', 'COMPRESSION_ERROR', '20 20 20'],
  ['Huffman padding of zeros', 'COMPRESSION_ERROR', '00 81 18 00'],
  ['Huffman padding of a whole byte', 'COMPRESSION_ERROR', '00 82 1f ff 00'],
  ['the end-of-string symbol', 'COMPRESSION_ERROR', '00 84 ff ff ff ff 00'],
  ['65 fields', 'ENHANCE_YOUR_CALM', '82'.repeat(65)],
];

for (const [what, code, ...blocks] of REFUSALS) {
  test(`refused with ${code}: ${what}`, (t) => {
    const decoder = new HpackDecoder(LIMITS);
    for (const block of blocks.slice(0, -1)) decoder.decode(hex(block));
    const refused = (): unknown => decoder.decode(hex(blocks.at(-1) ?? ''));
    t.like(t.throws(refused, { instanceOf: ConnectionError }), { code });
  });
}

test('what is as large as may be is taken', (t) => {
  const decoder = new HpackDecoder(LIMITS);
  t.is(decoder.decode(hex('82'.repeat(64))).length, 64);
  t.deepEqual(decoder.decode(hex('20 3f e1 1f 82')), [[':method', 'GET']], 'two size updates');
  t.deepEqual(decoder.decode(hex('')), []);
  // 16 KiB, less the name and 32 bytes for the entry.
  const value = 'v'.repeat(16 * 1024 - 33);
  t.is(decoder.decode(encodeHeaders([['a', value]]))[0]?.[1].length, value.length);
  const refused = (): unknown => decoder.decode(encodeHeaders([['a', `${value}v`]]));
  t.like(t.throws(refused), { code: 'ENHANCE_YOUR_CALM' });
});

test('a bomb is refused while it grows: one large entry, named over and over', (t) => {
  const decoder = new HpackDecoder(LIMITS);
  const entry = Buffer.concat([hex('40 01 61 7f 81 1e'), Buffer.alloc(4_000 - 32, 0x78)]);
  t.is(decoder.decode(entry).length, 1);
  const before = process.memoryUsage().heapUsed;
  const bomb = Buffer.alloc(30_000, 0xbe);
  t.like(
    t.throws(() => decoder.decode(bomb)),
    { code: 'ENHANCE_YOUR_CALM' },
  );
  t.true(process.memoryUsage().heapUsed - before < 16 * 1024 * 1024);
});

test('what we encode is decoded, and leaves no entry in the table', (t) => {
  const fields: HeaderField[] = [
    [':method', 'CONNECT'],
    [':authority', '[2001:db8::1]:65535'],
    [':status', '200'],
    [':status', '503'],
    ['x-long', 'v'.repeat(300)],
    ['x-latin1', '\xe4\xf6\xfc'],
    ['x-empty', ''],
  ];
  const decoder = new HpackDecoder(LIMITS);
  t.deepEqual(decoder.decode(Buffer.concat([NO_TABLE, encodeHeaders(fields)])), fields);
  t.throws(() => decoder.decode(hex('be')));
});

test('a block that comes again means the same, whatever the table has learnt in between', (t) => {
  const decoder = new HpackDecoder(LIMITS);
  const literal = hex('02 07 43 4f 4e 4e 45 43 54');
  const connect: HeaderField[] = [[':method', 'CONNECT']];
  t.deepEqual(decoder.decode(literal), connect);
  t.deepEqual(decoder.decode(hex('40 01 61 01 62')), [['a', 'b']]);
  t.deepEqual(decoder.decode(literal), connect);
});

test('a block that asks the table is decoded each time', (t) => {
  const decoder = new HpackDecoder(LIMITS);
  decoder.decode(hex('40 01 61 01 62'));
  t.deepEqual(decoder.decode(hex('be')), [['a', 'b']]);
  decoder.decode(hex('40 01 63 01 64'));
  t.deepEqual(decoder.decode(hex('be')), [['c', 'd']]);
});

/** `server: ab`, `date: b`, each a literal that goes into the table. */
const SERVER = '76 02 61 62';
const DATE = '61 01 62';

test('a literal that comes again is not made again, and goes into the table each time', (t) => {
  const decoder = new HpackDecoder(LIMITS);
  const first = decoder.decode(hex(SERVER + DATE));
  const second = decoder.decode(hex(SERVER + DATE));
  t.deepEqual(second, [
    ['server', 'ab'],
    ['date', 'b'],
  ]);
  t.is(second[0], first[0]);
  t.is(second[1], first[1]);
  // The newest entry is index 62.
  t.deepEqual(decoder.decode(hex('be bf c0 c1')), [
    ['date', 'b'],
    ['server', 'ab'],
    ['date', 'b'],
    ['server', 'ab'],
  ]);
});

test('a literal of the same name with another value is read, whatever its beginning is', (t) => {
  const decoder = new HpackDecoder(LIMITS);
  const values = ['76 02 61 62', '76 01 61', '76 03 61 62 63', '76 81 1f', '76 01 61'].map(
    (block) => decoder.decode(hex(block))[0]?.[1],
  );
  t.deepEqual(values, ['ab', 'a', 'abc', 'a', 'a']);
  // The same value with another name, which is written out, or comes from the table.
  for (const name of ['x', 'y']) {
    const letter = Buffer.from(name).toString('hex');
    t.deepEqual(decoder.decode(hex(`40 01 ${letter} 01 61`)), [[name, 'a']]);
    t.deepEqual(decoder.decode(hex('7e 01 61')), [[name, 'a']]);
  }
  const cut = (): unknown => decoder.decode(hex('76 01'));
  t.like(t.throws(cut), { code: 'COMPRESSION_ERROR' });
});
