import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { KeysError } from './keys-error.ts';

/*
 * A sealed value: AES-256-GCM (NIST SP 800-38D) with a random nonce. The name that it is stored under is
 * authenticated with it, so that no value can be put into the place of another.
 *
 *   "HBKS1" | nonce (12) | ciphertext | tag (16)
 */
const MARK = Buffer.from('HBKS1');
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts a value for the name that it is stored under. */
export function seal(key: Buffer, name: string, value: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name));
  return Buffer.concat([MARK, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
}

/** Whether a value says of itself that it is sealed. */
export function isSealed(value: Buffer): boolean {
  return value.subarray(0, MARK.length).equals(MARK);
}

/** Decrypts a value. Throws KeysError `keys-damaged` when it was not sealed with this key and name. */
export function unseal(key: Buffer, name: string, value: Buffer): Buffer {
  try {
    if (!isSealed(value)) throw new Error('it is not sealed');
    const sealed = value.subarray(MARK.length);
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(name)).setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([
      decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)),
      decipher.final(),
    ]);
  } catch (cause) {
    throw new KeysError('keys-damaged', `what is stored at ${name} is not what was encrypted`, {
      hint: 'restore a backup',
      cause,
    });
  }
}
