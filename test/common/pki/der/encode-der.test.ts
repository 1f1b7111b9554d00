// Our encoder writes what node-forge writes: whatever node-forge can read, and it is asked about bytes that are no DER.
import { randomInt } from 'node:crypto';
import test from 'ava';
import forge from 'node-forge';
import { createCsr } from '../../../../common/pki/csr.ts';
import { decode, decodeStrict, encode } from '../../../../common/pki/der/der.ts';
import { encodeDer } from '../../../../common/pki/der/encode-der.ts';
import { generatePrivateKey } from '../../../../common/pki/key.ts';
import { mutate } from '../../../helpers/mutations.ts';
import { createRandom } from '../../../helpers/random.ts';

const { asn1 } = forge;
const { Class, Type } = asn1;
const seed = Number(process.env['HAUBERK_FUZZ_SEED'] ?? randomInt(2 ** 31));
const byForge = (node: forge.asn1.Asn1): string => asn1.toDer(node).toHex();

const primitive = (type: forge.asn1.Type, value: string): forge.asn1.Asn1 =>
  asn1.create(Class.UNIVERSAL, type, false, value);
const nested = (...children: forge.asn1.Asn1[]): forge.asn1.Asn1 =>
  asn1.create(Class.UNIVERSAL, Type.SEQUENCE, true, children);

for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 70_000]) {
  test(`${length} bytes, alone and below two others`, (t) => {
    const node = primitive(Type.OCTETSTRING, '\xc3'.repeat(length));
    t.is(encodeDer(node).toString('hex'), byForge(node));
    const tree = nested(nested(node, primitive(Type.NULL, '')), node);
    t.is(encodeDer(tree).toString('hex'), byForge(tree));
  });
}

test('integers, with and without bytes that say nothing', (t) => {
  for (const value of ['\0', '\x7f', '\0\x80', '\0\x7f', '\xff\x80', '\xff\x7f', '\0\0\x01', '']) {
    const node = nested(primitive(Type.INTEGER, value));
    t.is(encodeDer(node).toString('hex'), byForge(node), JSON.stringify(value));
  }
});

test('text in characters of two bytes', (t) => {
  const node = primitive(Type.BMPSTRING, 'H\u00e4\u4e2d');
  t.is(encodeDer(node).toString('hex'), byForge(node));
  t.deepEqual(decodeStrict(encode(node)).value, node.value);
});

test('whatever node-forge reads is written in the same way', (t) => {
  const random = createRandom(seed);
  const [original, other] = [1, 2].map(() => createCsr(generatePrivateKey()));
  if (original === undefined || other === undefined) throw new Error('two requests were made');
  let read = 0;
  for (let made = 0; made < 20_000; made += 1) {
    const { mutant, history } = mutate(original, { random, other });
    let node: forge.asn1.Asn1;
    try {
      node = decode(mutant);
    } catch {
      continue;
    }
    read += 1;
    const got = encode(node).toString('hex');
    if (got !== byForge(node)) {
      return t.is(got, byForge(node), `seed ${seed}, ${history.join(' + ')}`);
    }
  }
  return t.true(read > 1_000, `${read} were read`);
});

test('padded lengths, indefinite ones and redundant zeros are refused', (t) => {
  for (const hex of ['308103020105', '30800201050000', '300402020005', '30040202ff80']) {
    const der = Buffer.from(hex, 'hex');
    t.throws(() => decodeStrict(der), { instanceOf: Error }, hex);
  }
  t.is(encode(decodeStrict(Buffer.from('3003020105', 'hex'))).toString('hex'), '3003020105');
});
