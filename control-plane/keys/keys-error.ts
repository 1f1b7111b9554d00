import { HauberkError } from '../../common/errors.ts';

/** Why the private keys of the mesh cannot be used. */
export type KeysErrorCode =
  | 'keys-locked' // They are encrypted, and nothing was given to unlock them with.
  | 'unlock-key-missing' // They would be stored unencrypted where that is not allowed.
  | 'unlock-key-wrong' // What was given does not unlock them.
  | 'keys-rekeyed' // Another control plane has encrypted them with another key.
  | 'keys-not-encrypted' // They cannot be locked, because they are not encrypted.
  | 'keys-damaged'; // What is stored is not what was encrypted.

/** Thrown by `control-plane/keys`. */
export class KeysError extends HauberkError<KeysErrorCode> {}
