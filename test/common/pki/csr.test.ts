import { createPublicKey } from 'node:crypto';
import test from 'ava';
import { createCsr, openCsr } from '../../../common/pki/csr.ts';
import {
  bitString,
  decode,
  encode,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  utf8String,
  type DerNode,
} from '../../../common/pki/der/der.ts';
import { generatePrivateKey, type KeyAlgorithm } from '../../../common/pki/key.ts';
import { handMadeRequest, refusalOf, spkiOf } from '../../helpers/pki/certification-request.ts';

const OTHER_SIGNER = {
  code: 'csr-signature',
  message: 'expected a signature by the private key of the request, got another',
} as const;
const privateKey = generatePrivateKey();

for (const algorithm of ['p256', 'p384', 'ed25519'] satisfies KeyAlgorithm[]) {
  test(`a request for a ${algorithm} key gives back its public key and nothing else`, (t) => {
    const requester = generatePrivateKey(algorithm);
    const opened = openCsr(createCsr(requester));
    t.deepEqual(Object.keys(opened).sort(), ['algorithm', 'publicKey', 'subjectKey']);
    t.is(opened.algorithm, algorithm);
    t.is(opened.publicKey.type, 'public');
    t.true(opened.publicKey.equals(createPublicKey(requester)));
  });

  test(`a request for somebody else's ${algorithm} key is refused`, (t) => {
    const [own, foreign] = [1, 2].map(() => createCsr(generatePrivateKey(algorithm)));
    const [, ...signed] = decode(own ?? Buffer.of()).value as DerNode[];
    const [info] = decode(foreign ?? Buffer.of()).value as DerNode[];
    t.deepEqual(refusalOf(encode(sequence(info ?? sequence(), ...signed))), OTHER_SIGNER);
  });
}

test('a hand-made request is accepted, so each refusal below is for its one difference', (t) => {
  t.is(refusalOf(handMadeRequest({ privateKey })), 'accepted');
});

test('a request signed with another key is refused', (t) => {
  const spki = spkiOf(generatePrivateKey());
  t.deepEqual(refusalOf(handMadeRequest({ privateKey, spki })), OTHER_SIGNER);
});

test('a request signed over another hash is refused', (t) => {
  t.deepEqual(refusalOf(handMadeRequest({ privateKey, hash: 'sha384' })), OTHER_SIGNER);
});

const attribute = (bytes: number): DerNode =>
  tagged(0, sequence(objectIdentifier('1.2.840.113549.1.9.7'), set(utf8String('x'.repeat(bytes)))));

test('a request may have 2048 bytes and no more', (t) => {
  const ofSize = (size: number): Buffer => {
    // The signature's length varies by a few bytes with its leading zeros.
    for (let bytes = size - 400; ; bytes += 1) {
      const der = handMadeRequest({ privateKey, attributes: [attribute(bytes)] });
      if (der.length === size) return der;
      if (der.length > size) bytes -= 2;
    }
  };
  t.is(refusalOf(ofSize(2048)), 'accepted');
  t.deepEqual(refusalOf(ofSize(2049)), {
    code: 'csr-malformed',
    message: 'expected a request of at most 2048 bytes, got 2049',
  });
  t.like(refusalOf(Buffer.alloc(50_000_000, 0x30)), { code: 'csr-malformed' });
});

const NULL = decode(Buffer.of(0x05, 0x00));
const STRUCTURES: readonly (readonly [string, Buffer, RegExp])[] = [
  ['no bytes at all', Buffer.of(), /request in DER/],
  ['text', Buffer.from('-----BEGIN CERTIFICATE REQUEST-----'), /request in DER/],
  ['version 2', handMadeRequest({ privateKey, version: integer(Buffer.of(1)) }), /version 1 in/],
  ['a version that is no integer', handMadeRequest({ privateKey, version: NULL }), /version 1 in/],
  ['a subject that is no name', handMadeRequest({ privateKey, subject: NULL }), /a subject in/],
  ['no attributes', handMadeRequest({ privateKey, attributes: [] }), /info to be a sequence of/],
  [
    'two sets of attributes',
    handMadeRequest({ privateKey, attributes: [tagged(0), tagged(0)] }),
    /info to be/,
  ],
  [
    'attributes of another tag',
    handMadeRequest({ privateKey, attributes: [tagged(1)] }),
    /attributes in/,
  ],
  [
    'a signature that is an octet string',
    handMadeRequest({ privateKey, signature: octetString }),
    /whole bytes/,
  ],
  [
    'a signature with unused bits',
    handMadeRequest({ privateKey, signature: (bytes) => bitString(bytes, 1) }),
    /whole bytes/,
  ],
  [
    'only the information',
    encode((decode(handMadeRequest({ privateKey })).value as DerNode[])[0] ?? NULL),
    /request to be a sequence of info, algorithm, signature/,
  ],
];

for (const [what, der, reason] of STRUCTURES) {
  test(`a request that is ${what} is refused as malformed`, (t) => {
    const refusal = refusalOf(der);
    t.like(refusal, { code: 'csr-malformed' });
    t.regex(refusal === 'accepted' ? refusal : refusal.message, reason);
  });
}

test('a request in BER that is not DER is refused', (t) => {
  const der = createCsr(generatePrivateKey());
  t.is(refusalOf(der), 'accepted');
  const body = der.subarray(3);
  const forms = {
    padded: Buffer.concat([Buffer.of(0x30, 0x82, 0x00, body.length), body]),
    indefinite: Buffer.concat([Buffer.of(0x30, 0x80), body, Buffer.of(0, 0)]),
    trailing: Buffer.concat([der, Buffer.of(0)]),
  };
  t.deepEqual(der.subarray(0, 3), Buffer.of(0x30, 0x81, body.length));
  for (const form of Object.values(forms)) t.like(refusalOf(form), { code: 'csr-malformed' });
});

const objectIdentifierOf = (hex: string): DerNode => decode(Buffer.from(`06${hex}`, 'hex'));
const SIGNATURE_ALGORITHMS: readonly (readonly [string, DerNode])[] = [
  ['ecdsa-with-SHA384', sequence(objectIdentifier('1.2.840.10045.4.3.3'))],
  ['Ed25519', sequence(objectIdentifier('1.3.101.112'))],
  ['its own with NULL parameters', sequence(objectIdentifier('1.2.840.10045.4.3.2'), NULL)],
  ['nothing', sequence()],
  ['its own, padded in front', sequence(objectIdentifierOf('09802a8648ce3d040302'))],
  ['its own, padded inside', sequence(objectIdentifierOf('092a8648ce3d80040302'))],
  ['its own, with an open end', sequence(objectIdentifierOf('092a8648ce3d04030280'))],
];

for (const [what, algorithm] of SIGNATURE_ALGORITHMS) {
  test(`a P-256 request whose signature algorithm is ${what} is refused`, (t) => {
    t.deepEqual(refusalOf(handMadeRequest({ privateKey, algorithm })), {
      code: 'csr-signature',
      message:
        'expected the request to be signed with ecdsa-with-SHA256, which goes with its key, got another algorithm',
    });
  });
}

test('a request nested too deep is refused while it is parsed', (t) => {
  let nested = Buffer.of();
  while (nested.length < 1900) {
    nested = Buffer.concat([encode(sequence()).subarray(0, 1), lengthOf(nested), nested]);
  }
  t.deepEqual(refusalOf(nested), {
    code: 'csr-malformed',
    message: 'expected a PKCS#10 request in DER, got something else',
  });
});

const lengthOf = ({ length }: Buffer): Buffer => {
  if (length < 128) return Buffer.of(length);
  return length < 256 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
};
