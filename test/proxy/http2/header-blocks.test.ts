import test from 'ava';
import { HeaderBlocks } from '../../../proxy/http2/header-blocks.ts';
import { encodeHeaders } from '../../../proxy/http2/hpack/encoder.ts';
import type { HeaderField } from '../../../proxy/http2/hpack/static-table.ts';
import { FLAG } from '../../../proxy/http2/protocol.ts';

const LIMITS = { maxListBytes: 16 * 1024, maxFields: 64 };
const FIELDS: HeaderField[] = [
  ['a', 'b'],
  ['c', 'd'],
];
const BLOCK = Buffer.from(encodeHeaders(FIELDS));
const END = FLAG.END_HEADERS;

test('a block in one frame, with padding and priority or without', (t) => {
  const payloads: readonly [flags: number, payload: Buffer][] = [
    [0, BLOCK],
    [FLAG.PADDED, Buffer.concat([Buffer.of(2), BLOCK, Buffer.alloc(2)])],
    [FLAG.PRIORITY, Buffer.concat([Buffer.of(0x80, 0, 0, 3, 9), BLOCK])],
    [
      FLAG.PADDED | FLAG.PRIORITY,
      Buffer.concat([Buffer.of(1, 0, 0, 0, 3, 9), BLOCK, Buffer.alloc(1)]),
    ],
  ];
  for (const [flags, payload] of payloads) {
    const block = new HeaderBlocks(LIMITS).headers(flags | END, 5, payload);
    t.deepEqual(block, {
      streamId: 5,
      isCut: false,
      endStream: false,
      dependsOnItself: false,
      fields: FIELDS,
    });
  }
});

test('a block that is cut anywhere, in up to nine frames', (t) => {
  for (let at = 0; at <= BLOCK.length; at += 1) {
    const blocks = new HeaderBlocks(LIMITS);
    t.is(blocks.headers(FLAG.END_STREAM, 7, BLOCK.subarray(0, at)), undefined);
    t.is(blocks.pendingStreamId, 7);
    const block = blocks.continuation(END, 7, BLOCK.subarray(at));
    t.like(block, { streamId: 7, endStream: true });
    t.deepEqual(block?.fields, FIELDS);
    t.is(blocks.pendingStreamId, undefined);
  }
});

test('fragments are copied: what they came in is used again', (t) => {
  const blocks = new HeaderBlocks(LIMITS);
  const memory = Buffer.from(BLOCK);
  blocks.headers(0, 1, memory.subarray(0, 4));
  memory.fill(0xff, 0, 4);
  t.is(blocks.continuation(END, 1, BLOCK.subarray(4))?.fields.length, 2);
});

test('what is no block is refused', (t) => {
  const refusals: readonly [code: string, refused: (blocks: HeaderBlocks) => unknown][] = [
    ['PROTOCOL_ERROR', (blocks) => blocks.continuation(END, 1, BLOCK)],
    [
      'PROTOCOL_ERROR',
      (blocks) => {
        blocks.headers(0, 1, BLOCK);
        return blocks.continuation(END, 3, BLOCK);
      },
    ],
    ['FRAME_SIZE_ERROR', (blocks) => blocks.headers(FLAG.PADDED | END, 1, Buffer.of())],
    ['FRAME_SIZE_ERROR', (blocks) => blocks.headers(FLAG.PRIORITY | END, 1, Buffer.alloc(4))],
    ['PROTOCOL_ERROR', (blocks) => blocks.headers(FLAG.PADDED | END, 1, Buffer.of(1))],
    ['COMPRESSION_ERROR', (blocks) => blocks.headers(END, 1, Buffer.of(0x80))],
  ];
  for (const [code, refused] of refusals) {
    t.like(
      t.throws(() => refused(new HeaderBlocks(LIMITS))),
      { code },
    );
  }
});

test('blocks that do not end are given up, by frames and by bytes', (t) => {
  const many = new HeaderBlocks(LIMITS);
  many.headers(0, 1, Buffer.of());
  for (let count = 0; count < 8; count += 1) many.continuation(0, 1, Buffer.of());
  t.like(
    t.throws(() => many.continuation(0, 1, Buffer.of())),
    { code: 'ENHANCE_YOUR_CALM' },
  );
  const large = new HeaderBlocks(LIMITS);
  large.headers(0, 1, Buffer.alloc(16 * 1024));
  t.is(large.continuation(0, 1, Buffer.alloc(16 * 1024)), undefined);
  t.like(
    t.throws(() => large.continuation(0, 1, Buffer.alloc(1))),
    { code: 'ENHANCE_YOUR_CALM' },
  );
});

test('a stream that depends on itself is told apart', (t) => {
  const payload = Buffer.concat([Buffer.of(0, 0, 0, 5, 9), BLOCK]);
  t.true(new HeaderBlocks(LIMITS).headers(FLAG.PRIORITY | END, 5, payload)?.dependsOnItself);
});
