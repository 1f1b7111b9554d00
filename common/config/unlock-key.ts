import { readFileSync } from 'node:fs';
import { systemReason, translating } from '../errors.ts';
import { ConfigError } from './config-error.ts';

/** What the keys of the mesh are locked with: something that a person knows, or a file has. */
export type UnlockKey =
  | { readonly kind: 'passphrase'; readonly passphrase: string }
  /** 32 bytes. */
  | { readonly kind: 'key'; readonly key: Buffer };

const KEY_BYTES = 32;
const MIN_PASSPHRASE = 12;

/**
 * Reads a key file: 32 bytes as they are, or in hexadecimal.
 *
 * @throws ConfigError `file-unreadable`, `file-malformed`
 */
export function readUnlockKeyFile(path: string): UnlockKey {
  const bytes = translating(
    () => readFileSync(path),
    (cause) => {
      const sentence = `the key file ${path} cannot be read: ${systemReason(cause)}`;
      return new ConfigError('file-unreadable', sentence, { cause });
    },
  );
  if (bytes.length === KEY_BYTES) return { kind: 'key', key: bytes };
  const text = bytes.toString('latin1').trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return { kind: 'key', key: Buffer.from(text, 'hex') };
  const sentence = `expected 32 bytes in the key file ${path}, or 64 hexadecimal digits, got ${bytes.length} bytes`;
  const hint = `make one with: openssl rand -out ${path} 32`;
  throw new ConfigError('file-malformed', sentence, { hint });
}

/** Takes a passphrase. Throws ConfigError `value-malformed` when it could be guessed by trying. */
export function toPassphrase(passphrase: string): UnlockKey {
  if (passphrase.length >= MIN_PASSPHRASE) return { kind: 'passphrase', passphrase };
  const sentence = `expected a passphrase of at least ${MIN_PASSPHRASE} characters, got ${passphrase.length}`;
  throw new ConfigError('value-malformed', sentence);
}
