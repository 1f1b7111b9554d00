import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { bitString, decode, encode, integer, sequence, tagged, time, type DerNode } from './der.ts';
import {
  algorithmIdentifier,
  algorithmOfKey,
  type SignatureAlgorithm,
} from './signature-algorithm.ts';
import type { Signer } from '../signer.ts';

/** When a certificate holds, in milliseconds since the epoch; both are cut to whole seconds. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** The contents of a certificate; the builder adds version, serial number and signature. */
export interface CertificateContents {
  readonly signer: Signer;
  readonly subject: DerNode;
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Uint8Array;
  readonly validity: Validity;
  readonly extensions: readonly DerNode[];
  /** Random when it is left out. */
  readonly serial?: Buffer;
}

/** RFC 5280 section 4.1.2.2 allows 20 bytes; 16 are 126 random bits, far from any collision. */
const SERIAL_BYTES = 16;
const VERSION_3 = 2;

/** A certificate that was just signed, with what is known of it without parsing it again. */
export interface SignedCertificate {
  readonly der: Buffer;
  /** In lower-case hexadecimal. */
  readonly serial: string;
  readonly notAfterMs: number;
}

/**
 * Makes and signs a certificate (RFC 5280 section 4.1). It trusts its caller with the contents:
 * `createRoot`, `createIssuer` and `signLeaf` are the ways in.
 */
export function buildCertificate(contents: CertificateContents): SignedCertificate {
  const { signer, subject, spki, validity, extensions } = contents;
  const { serial = randomSerial() } = contents;
  const tbs = sequence(
    tagged(0, integer(Uint8Array.of(VERSION_3))),
    integer(serial),
    algorithmIdentifier(signer.algorithm),
    signer.name,
    sequence(time(validity.notBeforeMs), time(validity.notAfterMs)),
    subject,
    decode(spki),
    tagged(3, sequence(...extensions)),
  );
  const signature = sign(signer.algorithm.hash, encode(tbs), signer.privateKey);
  const certificate = sequence(tbs, algorithmIdentifier(signer.algorithm), bitString(signature));
  return {
    der: encode(certificate),
    serial: serial.toString('hex'),
    notAfterMs: Math.floor(validity.notAfterMs / 1000) * 1000,
  };
}

/** The first byte is 0x40 to 0x7f: positive, never zero, and minimal as DER wants it. */
export function randomSerial(): Buffer {
  const serial = randomBytes(SERIAL_BYTES);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** A public key, ready for a certificate or a request. */
export interface SubjectKey {
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Buffer;
  /** Method 1 of RFC 7093 section 2: the leftmost 160 bits of the key's SHA-256. */
  readonly keyId: Buffer;
}

const KEY_ID_BYTES = 20;

/**
 * Prepares a public key for a certificate.
 *
 * @throws PkiError `csr-key-unsupported` when it is not a P-256, P-384 or Ed25519 key
 */
export function subjectKeyOf(publicKey: KeyObject): SubjectKey {
  const { spkiHeader } = algorithmOfKey(publicKey);
  // Five times as fast as to export the whole SubjectPublicKeyInfo, which OpenSSL encodes slowly.
  const key = publicKey.export({ format: 'raw-public' });
  return { spki: Buffer.concat([spkiHeader, key]), keyId: keyIdOf(key) };
}

/** The same for a key that was read from its SubjectPublicKeyInfo, which is of this algorithm. */
export function subjectKeyIn(spki: Buffer, { spkiHeader }: SignatureAlgorithm): SubjectKey {
  return { spki, keyId: keyIdOf(spki.subarray(spkiHeader.length)) };
}

function keyIdOf(key: Uint8Array): Buffer {
  return createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES);
}
