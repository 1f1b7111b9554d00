import { HauberkError } from '../../common/errors.ts';

/** Why a mesh configuration is not taken. */
export type MeshConfigStoreErrorCode =
  | 'config-conflict' // It was changed since it was read.
  | 'config-from-file' // It comes from a file, and from nowhere else.
  | 'config-version-unknown'; // No such version is kept.

/** Thrown by `control-plane/policy`; a document that is wrong is a MeshConfigError. */
export class MeshConfigStoreError extends HauberkError<MeshConfigStoreErrorCode> {}
