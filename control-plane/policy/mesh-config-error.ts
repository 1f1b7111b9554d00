import { HauberkError } from '../../common/errors.ts';

/** Why a mesh configuration is not taken. */
export type MeshConfigStoreErrorCode =
  /** Somebody else has changed it since it was looked at. */
  | 'config-conflict'
  /** It comes from a file, and from nowhere else. */
  | 'config-from-file'
  /** No such version is kept. */
  | 'config-version-unknown';

/** Thrown by `control-plane/policy`; a document that is wrong is a MeshConfigError. */
export class MeshConfigStoreError extends HauberkError<MeshConfigStoreErrorCode> {}
