import { HauberkError } from '../../common/errors.ts';

/** Why a token was refused, or could not be made. The first group are reasons of `Identity.Issue`. */
export type TokenErrorCode =
  | 'token-wrong-root'
  | 'token-unknown'
  | 'token-revoked'
  | 'token-expired'
  | 'token-used-up'
  | 'token-wrong-identity'
  | 'token-busy' // It was changed again and again meanwhile; a retry helps.
  | 'token-not-found' // No such id: told to operators only.
  | 'token-invalid'; // The wanted scope, time to live or number of uses is not possible.

/** Thrown by `control-plane/tokens`. */
export class TokenError extends HauberkError<TokenErrorCode> {}
