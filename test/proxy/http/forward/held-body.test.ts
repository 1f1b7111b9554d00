import test from 'ava';
import { HeldBody } from '../../../../proxy/http/forward/held-body.ts';

test('what is held comes back in order, whatever the size of its pieces', (t) => {
  for (const sizes of [[5], [1, 1, 1], [3, 40_000, 1, 7], [16_384, 1, 16_384], [0, 2, 0, 2]]) {
    const body = new HeldBody();
    const pieces = sizes.map((size, at) => Buffer.alloc(size, 0x61 + at));
    for (const piece of pieces) body.keep(piece);
    t.deepEqual(Buffer.concat(body.chunks), Buffer.concat(pieces), sizes.join());
    body.release();
    t.deepEqual([body.bytes, ...body.chunks], [0]);
    body.keep(Buffer.from('later'));
    t.is(Buffer.concat(body.chunks).toString(), 'later');
    body.release();
  }
});

test('pieces of one byte do not cost an object each', (t) => {
  const body = new HeldBody();
  for (let at = 0; at < 64 * 1024; at += 1) body.keep(Buffer.of(at & 0xff));
  t.true(body.chunks.length < 32, `${body.chunks.length} chunks`);
  t.is(body.bytes, 64 * 1024);
  body.release();
});

test('what is held is a copy', (t) => {
  const body = new HeldBody();
  const chunk = Buffer.from('abc');
  body.keep(chunk);
  body.keep(chunk);
  chunk.fill('x');
  t.is(Buffer.concat(body.chunks).toString(), 'abcabc');
  body.release();
});
