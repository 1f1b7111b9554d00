import { HauberkError } from '../../common/errors.ts';

/**
 * Why a sidecar was not registered.
 *
 * - `instance-taken`: its instance id belongs to a sidecar with another identity.
 * - `too-many-instances`: its identity has as many sidecars as one may have.
 * - `registry-busy`: others changed the same registration all the time.
 */
export type RegistryErrorCode = 'instance-taken' | 'too-many-instances' | 'registry-busy';

/** Thrown by `control-plane/registry`. */
export class RegistryError extends HauberkError<RegistryErrorCode> {}
