import { HauberkError } from '../../common/errors.ts';

/** Why a sidecar was not registered. */
export type RegistryErrorCode =
  | 'instance-taken' // Its instance id belongs to a sidecar with another identity.
  | 'too-many-instances' // Its identity has as many sidecars as one may have.
  | 'registry-busy'; // Others changed the same registration all the time.

/** Thrown by `control-plane/registry`. */
export class RegistryError extends HauberkError<RegistryErrorCode> {}
