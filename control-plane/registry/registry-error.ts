import { HauberkError } from '../../common/errors.ts';

/** Why a sidecar was not registered. */
export type RegistryErrorCode =
  | 'instance-taken' // Its instance id belongs to a sidecar with another identity.
  | 'too-many-instances' // Its identity has as many sidecars as one may have.
  | 'registry-busy' // Others changed the same registration all the time.
  | 'connection-ended'; // It has connected again, or is gone.

/** Thrown by `control-plane/registry`. */
export class RegistryError extends HauberkError<RegistryErrorCode> {}

export function instanceTaken(instanceId: string): RegistryError {
  // Whose it is, is not told: the caller may be guessing ids.
  const sentence = `the instance id ${instanceId} belongs to a sidecar with another identity`;
  const hint = 'give each sidecar a state directory of its own';
  return new RegistryError('instance-taken', sentence, { hint });
}

export function connectionEnded(instanceId: string): RegistryError {
  const sentence = `the connection of ${instanceId} has ended before it was registered`;
  return new RegistryError('connection-ended', sentence);
}
