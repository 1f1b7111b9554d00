import { HauberkError } from '../../errors.ts';

/** Thrown for a text that is not a join token; its message never shows any part of the text. */
export class JoinTokenError extends HauberkError<'token-malformed'> {}
