import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { z } from 'zod';
import { createRoot } from '../../../common/pki/authority.ts';
import { pemCertificate, pemChain, pemKey } from '../../../common/pki/pem-fields.ts';
import { recordCodec } from '../../../control-plane/store/record-codec.ts';
import type { Entry } from '../../../control-plane/store/store.ts';

const entryOf = (value: string | Buffer): Entry => ({
  key: 'things/1',
  value: Buffer.from(value),
  createRevision: 1,
  modRevision: 1,
});

const thing = z.object({ name: z.string(), size: z.int().nonnegative().optional() });
const { encode, decode, decodeIfSound } = recordCodec('a thing', thing);

test('a record comes back as it was, and equal ones are equal bytes', (t) => {
  t.deepEqual(decode(entryOf(encode({ name: 'a', size: 2 }))), { name: 'a', size: 2 });
  t.is(encode({ size: 2, name: 'a' }).toString(), '{"name":"a","size":2}');
  t.is(encode({ name: 'a', size: undefined }).toString(), '{"name":"a"}');
});

test('what a newer version added is left out', (t) => {
  t.deepEqual(decode(entryOf('{"name":"a","colour":"red"}')), { name: 'a' });
});

for (const stored of [
  '',
  '{',
  'null',
  '[]',
  '{"size":1}',
  '{"name":1}',
  '{"name":"a","size":-1}',
]) {
  test(`${stored || 'nothing'} is not a thing`, (t) => {
    t.like(
      t.throws(() => decode(entryOf(stored))),
      {
        name: 'StoreError',
        code: 'corrupt',
        message: 'expected a thing in the store at things/1, got something else',
        hint: 'restore the data directory from a backup',
      },
    );
    t.is(decodeIfSound(entryOf(stored)), undefined);
  });
}

test('what could not be read back is not written', (t) => {
  t.throws(() => encode({ name: 'a', size: -1 }), { name: 'ZodError' });
});

test('certificates and keys are kept as PEM, and what is none is refused', (t) => {
  const { certificate } = createRoot({ trustDomain: 'mesh.local', nowMs: Date.now() });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const codec = recordCodec(
    'an authority',
    z.object({ certificate: pemCertificate, chain: pemChain, key: pemKey.optional() }),
    (sentence) => new TypeError(sentence),
  );
  const stored = codec.encode({ certificate, chain: [certificate, certificate], key: privateKey });
  const read = codec.decode(entryOf(stored));
  t.true(read.certificate.raw.equals(certificate.raw));
  t.is(read.chain.length, 2);
  t.true(read.key?.equals(privateKey));
  const pem = certificate.toString();
  for (const [broken, what] of [
    [{ certificate: 'x', chain: pem }, 'no certificate'],
    [{ certificate: pem, chain: '' }, 'an empty chain'],
    [{ certificate: pem, chain: pem, key: pem }, 'a certificate for a key'],
  ] as const) {
    t.throws(() => codec.decode(entryOf(JSON.stringify(broken))), { instanceOf: TypeError }, what);
  }
});
