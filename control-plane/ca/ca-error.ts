import { HauberkError } from '../../common/errors.ts';

/**
 * Why the authority cannot work, or does not do what an operator asks for.
 *
 * - `trust-domain-changed`: the data belongs to a mesh with another trust domain.
 * - `authority-corrupt`: what is stored of root, issuer or bundle cannot be used.
 * - `rotation-under-way`: the root is being rotated already, in another way than is asked for.
 * - `rotation-not-abortable`: there is no rotation, or no way back.
 * - `root-key-elsewhere`: the key of the root is needed, and is not kept here.
 * - `upstream-issuer-unusable`: the issuer that the operator's PKI made does not do; the sentence says why.
 * - `upstream-root-changed`: it is below another root than the mesh.
 * - `issuer-not-requested`: there is no request for an issuer that a certificate could be for.
 * - `issuer-from-files`: the issuer comes from files, which are followed.
 * - `root-unusable`: a root that is to be added does not do; the sentence says why.
 * - `root-in-use`: the root is the mesh's own.
 * - `root-unknown`: no such root was added.
 * - `authority-busy`: others changed the authority all the time; a retry helps.
 */
export type CaErrorCode =
  | 'trust-domain-changed'
  | 'authority-corrupt'
  | 'rotation-under-way'
  | 'rotation-not-abortable'
  | 'root-key-elsewhere'
  | 'upstream-issuer-unusable'
  | 'upstream-root-changed'
  | 'issuer-not-requested'
  | 'issuer-from-files'
  | 'root-unusable'
  | 'root-in-use'
  | 'root-unknown'
  | 'authority-busy';

/** Thrown by `control-plane/ca`. */
export class CaError extends HauberkError<CaErrorCode> {}
