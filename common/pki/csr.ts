import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { translating } from '../errors.ts';
import { subjectKeyIn, subjectKeyOf, type SubjectKey } from './der/certificate-builder.ts';
import {
  bitString,
  bitStringBytes,
  decode,
  decodeStrict,
  encode,
  integer,
  integerBytes,
  sequence,
  sequenceChildren,
  tagged,
  taggedChildren,
  type DerNode,
  objectIdentifierValue,
} from './der/der.ts';
import { authorityName } from './der/distinguished-name.ts';
import { authorityExtensions, extensionRequest } from './der/extensions.ts';
import type { KeyAlgorithm } from './key.ts';
import { PkiError } from './pki-error.ts';
import { algorithmIdentifier, algorithmOfKey, algorithmOfSpki } from './der/signature-algorithm.ts';

/** All that is taken from a request; whatever name it asks for has no say. */
export interface OpenedCsr {
  readonly publicKey: KeyObject;
  /** The same key, ready for a certificate. */
  readonly subjectKey: SubjectKey;
  readonly algorithm: KeyAlgorithm;
}

/** Ours take 200 bytes; one of `openssl req` with a long subject and many SANs fits too. */
const MAX_CSR_BYTES = 2048;
/** RFC 2986 writes its version 1 as 0. */
const VERSION_1 = Buffer.of(0);

/**
 * Makes a PKCS#10 certification request (RFC 2986) in DER with an empty subject and no attributes: it
 * proves that the caller holds the key, and says nothing else.
 */
export function createCsr(privateKey: KeyObject): Buffer {
  return signRequest(privateKey, sequence(), tagged(0));
}

/**
 * Makes a PKCS#10 certification request in DER for an issuer of the mesh. It asks for what such a
 * certificate needs (RFC 5280 section 4.2.1, X509-SVID section 4), in an extensionRequest (RFC 2985
 * section 5.4.2); the signer decides.
 */
export function createIssuerCsr(privateKey: KeyObject, trustDomain: string): Buffer {
  const subjectKey = subjectKeyOf(createPublicKey(privateKey));
  const { keyId } = subjectKey;
  const wanted = extensionRequest(...authorityExtensions({ trustDomain, keyId, pathLength: 0 }));
  return signRequest(
    privateKey,
    authorityName(trustDomain, 'issuer', subjectKey),
    tagged(0, wanted),
  );
}

function signRequest(privateKey: KeyObject, subject: DerNode, attributes: DerNode): Buffer {
  const algorithm = algorithmOfKey(privateKey);
  const { spki } = subjectKeyOf(createPublicKey(privateKey));
  const info = sequence(integer(VERSION_1), subject, decode(spki), attributes);
  const signature = sign(algorithm.hash, encode(info), privateKey);
  return encode(sequence(info, algorithmIdentifier(algorithm), bitString(signature)));
}

/**
 * Opens a request from outside and checks that its sender holds the private key.
 *
 *     CertificationRequest ::= SEQUENCE {
 *       info       SEQUENCE { version 0, subject, subjectPKInfo, attributes [0] },
 *       algorithm  SEQUENCE { OBJECT IDENTIFIER },      -- parameters absent
 *       signature  BIT STRING }
 *
 * @throws PkiError `csr-malformed` when it is too large or not exactly such a structure in DER,
 *   `csr-key-unsupported` when the key is not P-256, P-384 or Ed25519,
 *   `csr-signature` when the signature is not the key's own
 */
export function openCsr(der: Uint8Array): OpenedCsr {
  const request = fields('request', parse(der), ['info', 'algorithm', 'signature']);
  const info = fields('info', request.info, ['version', 'subject', 'publicKey', 'attributes']);
  if (integerBytes(info.version)?.equals(VERSION_1) !== true) throw malformed('version 1');
  if (sequenceChildren(info.subject) === undefined) throw malformed('a subject');
  if (taggedChildren(info.attributes, 0) === undefined) throw malformed('attributes');

  const spki = encode(info.publicKey);
  const algorithm = algorithmOfSpki(spki);
  if (algorithm === undefined) {
    const sentence = `expected a P-256, P-384 or Ed25519 key in the request, got ${describeSpki(info.publicKey)}`;
    const hint = 'make the request with a P-256 key';
    throw new PkiError('csr-key-unsupported', sentence, { hint });
  }
  // It is outside of what is signed, so only the one encoding is accepted.
  if (!encode(request.algorithm).equals(encode(algorithmIdentifier(algorithm)))) {
    throw badSignature(
      `expected the request to be signed with ${algorithm.signatureName}, which goes with its key, got another algorithm`,
    );
  }
  const signature = bitStringBytes(request.signature);
  if (signature === undefined) throw malformed('a signature of whole bytes');
  // OpenSSL checks that the point is on the curve.
  const publicKey = translating(
    () => createPublicKey({ key: spki, format: 'der', type: 'spki' }),
    (cause) => csrMalformed('a point on the curve for the public key, got something else', cause),
  );
  if (!verify(algorithm.hash, encode(request.info), publicKey, signature)) {
    throw badSignature('expected a signature by the private key of the request, got another');
  }
  return { publicKey, subjectKey: subjectKeyIn(spki, algorithm), algorithm: algorithm.name };
}

function parse(der: Uint8Array): DerNode {
  if (der.length > MAX_CSR_BYTES) {
    throw csrMalformed(`a request of at most ${MAX_CSR_BYTES} bytes, got ${der.length}`);
  }
  return translating(
    () => decodeStrict(der),
    (cause) => csrMalformed('a PKCS#10 request in DER, got something else', cause),
  );
}

/** The children of a SEQUENCE that must have exactly these. */
function fields<Name extends string>(
  what: string,
  node: DerNode,
  names: readonly Name[],
): Record<Name, DerNode> {
  const children = sequenceChildren(node);
  if (children?.length !== names.length) {
    throw malformed(`${what} to be a sequence of ${names.join(', ')}`);
  }
  return Object.fromEntries(names.map((name, at) => [name, children[at]])) as Record<Name, DerNode>;
}

function malformed(expected: string): PkiError {
  return csrMalformed(`${expected} in a PKCS#10 request, got something else`);
}

function csrMalformed(expected: string, cause?: unknown): PkiError {
  return new PkiError('csr-malformed', `expected ${expected}`, { cause });
}

function badSignature(sentence: string): PkiError {
  return new PkiError('csr-signature', sentence);
}

const EC_PUBLIC_KEY = '1.2.840.10045.2.1';

/** Names for the keys that people try, so that a refusal says what came. */
const KEY_NAMES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.1', 'an RSA key'],
  ['1.2.840.113549.1.1.10', 'an RSA-PSS key'],
  ['1.2.840.10040.4.1', 'a DSA key'],
  ['1.3.101.110', 'an X25519 key'],
  ['1.3.101.111', 'an X448 key'],
  ['1.3.101.112', 'an Ed25519 key in an unusual encoding'],
  ['1.3.101.113', 'an Ed448 key'],
]);
const CURVE_NAMES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.3.1.7', 'a P-256 key in an unusual encoding'],
  ['1.3.132.0.34', 'a P-384 key in an unusual encoding'],
  ['1.3.132.0.35', 'a P-521 key'],
  ['1.3.132.0.33', 'a P-224 key'],
  ['1.3.132.0.10', 'a secp256k1 key'],
]);

/** Says what kind of key a SubjectPublicKeyInfo holds that is not accepted. */
function describeSpki(spki: DerNode): string {
  const [oidNode, parameters] = sequenceChildren(sequenceChildren(spki)?.[0]) ?? [];
  const oid = objectIdentifierValue(oidNode);
  if (oid === undefined) return 'something that is no public key';
  if (oid !== EC_PUBLIC_KEY) return KEY_NAMES.get(oid) ?? `a key of algorithm ${oid}`;
  const curve = objectIdentifierValue(parameters);
  if (curve === undefined) return 'an elliptic-curve key without a named curve';
  return CURVE_NAMES.get(curve) ?? `an elliptic-curve key on ${curve}`;
}
