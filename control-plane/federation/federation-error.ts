import { HauberkError } from '../../common/errors.ts';

/** Why another trust domain is not federated. */
export type FederationErrorCode =
  | 'federation-invalid' // What is asked for makes no sense, or the given bundle does not do.
  | 'federation-unavailable' // Its bundle cannot be fetched; the sentence says why.
  | 'federation-unknown'; // There is no such federation.

/** Thrown by `control-plane/federation`. */
export class FederationError extends HauberkError<FederationErrorCode> {}
