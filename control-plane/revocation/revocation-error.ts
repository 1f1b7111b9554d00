import { HauberkError } from '../../common/errors.ts';

/** Why a caller gets no certificate, or why a revocation could not be made. */
export type RevocationErrorCode =
  | 'identity-revoked' // The identity gets no certificate until it is readmitted.
  | 'certificate-revoked' // The certificate, or the token that it was issued for, was revoked.
  | 'readmitted-just-now' // In this second old and new certificates could not be told apart.
  | 'revocation-not-found' // No such certificate, or an identity that is not revoked.
  | 'identity-unknown' // The mesh has never seen the identity, so that its name is likely a typing error.
  | 'revocation-invalid' // It must not be revoked, because no operator could act afterwards.
  | 'revocation-busy'; // Others changed the same revocation all the time.

/** Thrown by `control-plane/revocation`. */
export class RevocationError extends HauberkError<RevocationErrorCode> {}
