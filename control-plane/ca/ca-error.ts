import { HauberkError } from '../../common/errors.ts';

/** Why the authority cannot work, or does not do what an operator asks for. */
export type CaErrorCode =
  | 'trust-domain-changed' // The data belongs to a mesh with another trust domain.
  | 'authority-corrupt' // What is stored of root, issuer or bundle cannot be used.
  | 'rotation-under-way' // The root is being rotated already, in another way than is asked for.
  | 'rotation-not-abortable' // There is no rotation, or no way back.
  | 'root-key-elsewhere' // The key of the root is needed, and is not kept here.
  | 'upstream-issuer-unusable' // The issuer that the operator's PKI made does not do; the sentence says why.
  | 'upstream-root-changed' // It is below another root than the mesh.
  | 'issuer-not-requested' // There is no request for an issuer that a certificate could be for.
  | 'issuer-from-files' // The issuer comes from files, which are followed.
  | 'root-unusable' // A root that is to be added does not do; the sentence says why.
  | 'root-in-use' // The root is the mesh's own.
  | 'root-unknown' // No such root was added.
  | 'journal-unusable' // Certificates that were issued without the store cannot be kept, or brought into the log.
  | 'authority-busy'; // Others changed the authority all the time; a retry helps.

/** Thrown by `control-plane/ca`. */
export class CaError extends HauberkError<CaErrorCode> {}
