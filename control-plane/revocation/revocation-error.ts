import { HauberkError } from '../../common/errors.ts';

/**
 * Why a caller gets no certificate, or why a revocation could not be made.
 *
 * - `identity-revoked`: the identity gets no certificate until it is readmitted.
 * - `certificate-revoked`: the certificate, or the token that it was issued for, was revoked.
 * - `readmitted-just-now`: in this second old and new certificates could not be told apart.
 * - `revocation-not-found`: no such certificate, or an identity that is not revoked.
 * - `identity-unknown`: the mesh has never seen the identity, so that its name is likely a typing error.
 * - `revocation-invalid`: it must not be revoked, because no operator could act afterwards.
 * - `revocation-busy`: others changed the same revocation all the time.
 */
export type RevocationErrorCode =
  | 'identity-revoked'
  | 'certificate-revoked'
  | 'readmitted-just-now'
  | 'revocation-not-found'
  | 'identity-unknown'
  | 'revocation-invalid'
  | 'revocation-busy';

/** Thrown by `control-plane/revocation`. */
export class RevocationError extends HauberkError<RevocationErrorCode> {}
