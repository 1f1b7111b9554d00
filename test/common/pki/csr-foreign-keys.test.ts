// Keys that are not P-256, P-384 or Ed25519, or that are written in another way, are refused by name.
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import test from 'ava';
import { bitString, decode, encode, sequence, type DerNode } from '../../../common/pki/der/der.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { handMadeRequest, refusalOf, spkiOf } from '../../helpers/pki/certification-request.ts';

const onCurve = (namedCurve: string): KeyObject =>
  generateKeyPairSync('ec', { namedCurve }).privateKey;

const refused = (what: string): { code: string; message: string } => ({
  code: 'csr-key-unsupported',
  message: `expected a P-256, P-384 or Ed25519 key in the request, got ${what}`,
});

const FOREIGN_KEYS: Readonly<Record<string, () => KeyObject>> = {
  'an RSA key': () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  'an RSA-PSS key': () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey,
  'a DSA key': () =>
    generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey,
  'a P-224 key': () => onCurve('secp224r1'),
  'a P-521 key': () => onCurve('P-521'),
  'a secp256k1 key': () => onCurve('secp256k1'),
  'an elliptic-curve key on 1.3.36.3.3.2.8.1.1.7': () => onCurve('brainpoolP256r1'),
  'an Ed448 key': () => generateKeyPairSync('ed448').privateKey,
  'an X25519 key': () => generateKeyPairSync('x25519').privateKey,
  'an X448 key': () => generateKeyPairSync('x448').privateKey,
};

for (const [name, generate] of Object.entries(FOREIGN_KEYS)) {
  test(`${name} is refused by its name`, (t) => {
    const foreign = generate();
    const cannotSign = foreign.asymmetricKeyType?.startsWith('x') ?? false;
    const der = handMadeRequest({
      privateKey: cannotSign ? generatePrivateKey() : foreign,
      spki: spkiOf(foreign),
      hash: foreign.asymmetricKeyType === 'ed448' ? null : 'sha256',
    });
    t.deepEqual(refusalOf(der), refused(name));
  });
}

/** Other encodings of the same point; the first byte tells which, and whether y is odd. */
const parityOf = (point: Buffer): number => (point.at(-1) ?? 0) & 1;
const POINTS: Readonly<Record<string, (point: Buffer) => Buffer>> = {
  compressed: (point) => Buffer.concat([Buffer.of(2 + parityOf(point)), point.subarray(1, 33)]),
  hybrid: (point) => Buffer.concat([Buffer.of(6 + parityOf(point)), point.subarray(1)]),
};

for (const [name, convert] of Object.entries(POINTS)) {
  test(`a P-256 key with a ${name} point is refused, although OpenSSL reads it`, (t) => {
    const privateKey = generatePrivateKey();
    const usual = spkiOf(privateKey);
    const [algorithm] = decode(usual).value as DerNode[];
    const spki = encode(sequence(algorithm ?? sequence(), bitString(convert(usual.subarray(-65)))));
    const read = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    t.true(read.equals(createPublicKey(privateKey)));
    t.deepEqual(
      refusalOf(handMadeRequest({ privateKey, spki })),
      refused('a P-256 key in an unusual encoding'),
    );
  });
}

test('a P-256 key with explicit curve parameters is refused', (t) => {
  const parameters = { namedCurve: 'P-256', paramEncoding: 'explicit' } as const;
  const { privateKey } = generateKeyPairSync('ec', parameters);
  t.deepEqual(
    refusalOf(handMadeRequest({ privateKey })),
    refused('an elliptic-curve key without a named curve'),
  );
});

test('a point that is not on the curve is refused', (t) => {
  const privateKey = generatePrivateKey();
  const spki = Buffer.from(spkiOf(privateKey)).fill(0xab, 60);
  t.deepEqual(refusalOf(handMadeRequest({ privateKey, spki })), {
    code: 'csr-malformed',
    message: 'expected a point on the curve for the public key, got something else',
  });
});

test('something that is no key at all is refused', (t) => {
  const privateKey = generatePrivateKey();
  const refusal = refusalOf(handMadeRequest({ privateKey, spki: encode(sequence()) }));
  t.deepEqual(refusal, refused('something that is no public key'));
});
