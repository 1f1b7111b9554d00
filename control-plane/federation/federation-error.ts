import { HauberkError } from '../../common/errors.ts';

/**
 * Why another trust domain is not federated.
 *
 * - `federation-invalid`: what is asked for makes no sense, or the given bundle does not do.
 * - `federation-unavailable`: its bundle cannot be fetched; the sentence says why.
 * - `federation-unknown`: there is no such federation.
 */
export type FederationErrorCode =
  'federation-invalid' | 'federation-unavailable' | 'federation-unknown';

/** Thrown by `control-plane/federation`. */
export class FederationError extends HauberkError<FederationErrorCode> {}
