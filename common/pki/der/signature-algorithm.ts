import type { KeyObject } from 'node:crypto';
import { objectIdentifier, sequence, type DerNode } from './der.ts';
import type { KeyAlgorithm } from '../key.ts';
import { PkiError } from '../pki-error.ts';

/** How one kind of key appears in certificates and how it signs. */
export interface SignatureAlgorithm {
  readonly name: KeyAlgorithm;
  /** The signature's name in RFC 5758 and RFC 8410. */
  readonly signatureName: string;
  /** The signature's OBJECT IDENTIFIER; its parameters are absent (RFC 5758 3.2, RFC 8410 3). */
  readonly oid: string;
  /** What node:crypto hashes with; null where the scheme hashes by itself. */
  readonly hash: 'sha256' | 'sha384' | null;
  /** How every SubjectPublicKeyInfo of this kind begins; after it come the bytes of the key. */
  readonly spkiHeader: Buffer;
  /** The first byte of the key: an uncompressed point begins with 4. */
  readonly firstKeyByte?: number;
  readonly keyBytes: number;
}

const ALGORITHMS: readonly SignatureAlgorithm[] = [
  {
    name: 'p256',
    signatureName: 'ecdsa-with-SHA256',
    oid: '1.2.840.10045.4.3.2',
    hash: 'sha256',
    spkiHeader: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
    firstKeyByte: 4,
    keyBytes: 65,
  },
  {
    name: 'p384',
    signatureName: 'ecdsa-with-SHA384',
    oid: '1.2.840.10045.4.3.3',
    hash: 'sha384',
    spkiHeader: Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex'),
    firstKeyByte: 4,
    keyBytes: 97,
  },
  {
    name: 'ed25519',
    signatureName: 'Ed25519',
    oid: '1.3.101.112',
    hash: null,
    spkiHeader: Buffer.from('302a300506032b6570032100', 'hex'),
    keyBytes: 32,
  },
];

/**
 * The algorithm of a SubjectPublicKeyInfo in DER, by exact prefix and length; undefined for all but
 * the accepted keys in their one accepted encoding (no compressed points, no explicit curves).
 */
export function algorithmOfSpki(spki: Uint8Array): SignatureAlgorithm | undefined {
  return ALGORITHMS.find(
    ({ spkiHeader, firstKeyByte, keyBytes }) =>
      spki.length === spkiHeader.length + keyBytes &&
      spkiHeader.equals(spki.subarray(0, spkiHeader.length)) &&
      (firstKeyByte === undefined || spki[spkiHeader.length] === firstKeyByte),
  );
}

const NAME_BY_KEY_TYPE: ReadonlyMap<string, KeyAlgorithm> = new Map([
  ['prime256v1', 'p256'],
  ['secp384r1', 'p384'],
  ['ed25519', 'ed25519'],
]);

/** The algorithm of a private or public key. Throws PkiError `csr-key-unsupported` for other keys. */
export function algorithmOfKey(key: KeyObject): SignatureAlgorithm {
  const keyType = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? key.type;
  const name = NAME_BY_KEY_TYPE.get(keyType);
  const algorithm = ALGORITHMS.find((candidate) => candidate.name === name);
  if (algorithm === undefined) {
    const sentence = `expected a P-256, P-384 or Ed25519 key, got one of type ${keyType}`;
    throw new PkiError('csr-key-unsupported', sentence);
  }
  return algorithm;
}

/** AlgorithmIdentifier, as certificates and requests name the algorithm of their signature. */
export function algorithmIdentifier({ oid }: SignatureAlgorithm): DerNode {
  return sequence(objectIdentifier(oid));
}
