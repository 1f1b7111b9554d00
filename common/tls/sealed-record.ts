import { createCipheriv, createHmac, type CipherGCMTypes } from 'node:crypto';

// A record of TLS 1.3 (RFC 8446 sections 5.2 and 7.3):
//
//     23 | 3, 3 | length (2) | encrypted: content | content type          | tag (16)
//     key, iv = HKDF-Expand-Label(traffic secret, "key" | "iv", "", length)
//     nonce   = iv XOR the number of the record, which is 64 bits at the right
//     The five bytes in front are authenticated as well.

interface CipherSuite {
  readonly cipher: CipherGCMTypes | 'chacha20-poly1305';
  readonly keyBytes: number;
  readonly hash: string;
}

/** By the names that `getCipher` has. */
const SUITES: Readonly<Record<string, CipherSuite>> = {
  TLS_AES_128_GCM_SHA256: { cipher: 'aes-128-gcm', keyBytes: 16, hash: 'sha256' },
  TLS_AES_256_GCM_SHA384: { cipher: 'aes-256-gcm', keyBytes: 32, hash: 'sha384' },
  TLS_CHACHA20_POLY1305_SHA256: { cipher: 'chacha20-poly1305', keyBytes: 32, hash: 'sha256' },
};

const IV_BYTES = 12;
const TAG_BYTES = 16;
const APPLICATION_DATA = 23;

/** What one side of a connection encrypts with. */
export interface SealingKey {
  /** The name of the cipher suite. */
  readonly suite: string;
  /** Its first traffic secret. */
  readonly secret: Buffer;
}

/** One record. */
export interface RecordToSeal {
  /** How many records the side has sent with this key. */
  readonly sequence: number;
  readonly contentType: number;
  readonly content: Uint8Array;
}

/** Encrypts a record as TLS 1.3 has it; undefined for a suite that is not known. */
export function sealRecord(
  { suite, secret }: SealingKey,
  { sequence, contentType, content }: RecordToSeal,
): Buffer | undefined {
  const known = SUITES[suite];
  if (known === undefined) return undefined;
  const { cipher, keyBytes, hash } = known;
  const key = expandLabel(hash, secret, 'key', keyBytes);
  const nonce = expandLabel(hash, secret, 'iv', IV_BYTES);
  nonce.writeUInt32BE((nonce.readUInt32BE(IV_BYTES - 4) ^ sequence) >>> 0, IV_BYTES - 4);
  const header = Buffer.from([APPLICATION_DATA, 3, 3, 0, 0]);
  header.writeUInt16BE(content.length + 1 + TAG_BYTES, 3);
  // Both are AEAD ciphers with a tag of this length; the types of Node.js know them by different names.
  const options = { authTagLength: TAG_BYTES };
  const sealer =
    cipher === 'chacha20-poly1305'
      ? createCipheriv(cipher, key, nonce, options)
      : createCipheriv(cipher, key, nonce, options);
  sealer.setAAD(header, { plaintextLength: content.length + 1 });
  const sealed = [
    sealer.update(content),
    sealer.update(Buffer.from([contentType])),
    sealer.final(),
  ];
  return Buffer.concat([header, ...sealed, sealer.getAuthTag()]);
}

/** Of at most the length of the hash, which is one block of HKDF-Expand (RFC 5869 section 2.3). */
function expandLabel(hash: string, secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.from([length >> 8, length & 0xff, name.length, ...name, 0]);
  const block = createHmac(hash, secret)
    .update(Buffer.concat([info, Buffer.from([1])]))
    .digest();
  return block.subarray(0, length);
}
