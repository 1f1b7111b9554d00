import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { openCsr } from '../../../common/pki/csr.ts';
import {
  bitString,
  decode,
  encode,
  integer,
  objectIdentifier,
  sequence,
  tagged,
  type DerNode,
} from '../../../common/pki/der/der.ts';
import { PkiError, type PkiErrorCode } from '../../../common/pki/pki-error.ts';

/** The parts of a request; what is left out is as it should be for a P-256 key. */
export interface RequestParts {
  /** Signs. */
  readonly privateKey: KeyObject;
  /** The public key to ask for, as SubjectPublicKeyInfo in DER; of the same key by default. */
  readonly spki?: Buffer;
  readonly hash?: string | null;
  readonly version?: DerNode;
  readonly subject?: DerNode;
  readonly attributes?: readonly DerNode[];
  readonly algorithm?: DerNode;
  readonly signature?: (signature: Buffer) => DerNode;
}

/** The SubjectPublicKeyInfo of a key in DER. */
export function spkiOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

/** Puts a request together by hand and signs it. */
export function handMadeRequest(parts: RequestParts): Buffer {
  const { privateKey, spki = spkiOf(privateKey), hash = 'sha256' } = parts;
  const { version = integer(Buffer.of(0)), subject = sequence(), attributes = [tagged(0)] } = parts;
  const { algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2')) } = parts;
  const { signature = bitString } = parts;
  const info = sequence(version, subject, decode(spki), ...attributes);
  return encode(sequence(info, algorithm, signature(sign(hash, encode(info), privateKey))));
}

/** Why a request is refused; any error but a PkiError is thrown on. */
export function refusalOf(der: Uint8Array): { code: PkiErrorCode; message: string } | 'accepted' {
  try {
    openCsr(der);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return { code: error.code, message: error.message };
  }
}
