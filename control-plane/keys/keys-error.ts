import { HauberkError } from '../../common/errors.ts';

/**
 * Why the private keys of the mesh cannot be used.
 *
 * - `keys-locked`: they are encrypted, and nothing was given to unlock them with.
 * - `unlock-key-wrong`: what was given does not unlock them.
 * - `keys-not-encrypted`: they cannot be locked, because they are not encrypted.
 * - `keys-damaged`: what is stored is not what was encrypted.
 */
export type KeysErrorCode =
  'keys-locked' | 'unlock-key-wrong' | 'keys-not-encrypted' | 'keys-damaged';

/** Thrown by `control-plane/keys`. */
export class KeysError extends HauberkError<KeysErrorCode> {}
