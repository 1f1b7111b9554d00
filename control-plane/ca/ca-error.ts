import { HauberkError } from '../../common/errors.ts';

/**
 * Why the authority cannot work.
 *
 * - `trust-domain-changed`: the data belongs to a mesh with another trust domain.
 * - `authority-corrupt`: what is stored of root, issuer or bundle cannot be used.
 */
export type CaErrorCode = 'trust-domain-changed' | 'authority-corrupt';

/** Thrown by `control-plane/ca`. */
export class CaError extends HauberkError<CaErrorCode> {}
