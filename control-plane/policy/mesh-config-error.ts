import { HauberkError } from '../../common/errors.ts';

/** Why a mesh configuration is not taken. */
export type MeshConfigStoreErrorCode =
  /** It was changed since it was read. */
  | 'config-conflict'
  /** It comes from a file, and from nowhere else. */
  | 'config-from-file'
  /** No such version is kept. */
  | 'config-version-unknown';

/** Thrown by `control-plane/policy`; a document that is wrong is a MeshConfigError. */
export class MeshConfigStoreError extends HauberkError<MeshConfigStoreErrorCode> {}
