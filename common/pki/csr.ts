import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  bitString,
  bitStringBytes,
  decode,
  decodeStrict,
  encode,
  integer,
  integerBytes,
  objectIdentifierValue,
  sequence,
  sequenceChildren,
  tagged,
  taggedChildren,
  type DerNode,
} from './der.ts';
import { describeSpki } from './foreign-key.ts';
import type { KeyAlgorithm } from './key.ts';
import { PkiError } from './pki-error.ts';
import {
  algorithmIdentifier,
  algorithmOfKey,
  algorithmOfSpki,
  signBytes,
  verifyBytes,
} from './signature-algorithm.ts';

/** All that is taken from a request; whatever name it asks for has no say. */
export interface OpenedCsr {
  readonly publicKey: KeyObject;
  readonly algorithm: KeyAlgorithm;
}

/** Ours take 200 bytes; one of `openssl req` with a long subject and many SANs fits too. */
const MAX_CSR_BYTES = 2048;

/**
 * Makes a PKCS#10 certification request (RFC 2986) in DER with an empty subject and no attributes: it
 * proves that the caller holds the key, and says nothing else.
 */
export function createCsr(privateKey: KeyObject): Buffer {
  const algorithm = algorithmOfKey(privateKey);
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const info = sequence(integer(Uint8Array.of(0)), sequence(), decode(spki), tagged(0));
  const signature = signBytes(algorithm, encode(info), privateKey);
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
  const [info, algorithmNode, signatureNode] = fields(parse(der), 3, 'the request');
  const [version, subject, spkiNode, attributes] = fields(info, 4, 'its information');
  if (integerBytes(version)?.equals(Buffer.of(0)) !== true) throw malformed('version 0');
  if (sequenceChildren(subject) === undefined) throw malformed('a subject');
  if (taggedChildren(attributes, 0) === undefined) throw malformed('attributes');
  if (info === undefined || spkiNode === undefined) throw malformed('a public key');

  const spki = encode(spkiNode);
  const algorithm = algorithmOfSpki(spki);
  if (algorithm === undefined) {
    throw new PkiError(
      'csr-key-unsupported',
      `expected a P-256, P-384 or Ed25519 key in the request, got ${describeSpki(spkiNode)}`,
    );
  }
  const [algorithmOid] = fields(algorithmNode, 1, 'its signature algorithm');
  if (objectIdentifierValue(algorithmOid) !== algorithm.oid) {
    throw badSignature(`expected the signature algorithm ${algorithm.oid} that goes with the key`);
  }
  const signature = bitStringBytes(signatureNode);
  if (signature === undefined) throw malformed('a signature of whole bytes');
  const publicKey = importKey(spki);
  if (!verifyBytes(algorithm, encode(info), publicKey, signature)) {
    throw badSignature('expected a signature by the private key of the request, got another');
  }
  return { publicKey, algorithm: algorithm.name };
}

function parse(der: Uint8Array): DerNode {
  if (der.length > MAX_CSR_BYTES) {
    throw new PkiError(
      'csr-malformed',
      `expected a request of at most ${MAX_CSR_BYTES} bytes, got ${der.length}`,
    );
  }
  try {
    return decodeStrict(der);
  } catch (cause) {
    throw new PkiError('csr-malformed', 'expected a PKCS#10 request in DER, got something else', {
      cause,
    });
  }
}

/** OpenSSL checks that the point is on the curve. */
function importKey(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new PkiError('csr-malformed', 'expected a point on the curve for the public key', {
      cause,
    });
  }
}

function fields(node: DerNode | undefined, count: number, what: string): DerNode[] {
  const children = sequenceChildren(node);
  if (children?.length === count) return children;
  throw malformed(`${what} to be a sequence of ${count}`);
}

function malformed(expected: string): PkiError {
  return new PkiError(
    'csr-malformed',
    `expected ${expected} in a PKCS#10 request, got another value`,
  );
}

function badSignature(sentence: string): PkiError {
  return new PkiError('csr-signature', sentence);
}
