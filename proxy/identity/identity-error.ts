import { HauberkError } from '../../common/errors.ts';

/** Why a sidecar has no identity. Refusals of the control plane come as `RpcError`. */
export type IdentityErrorCode =
  /** The state directory, or the file in it, cannot be read or written. */
  | 'state-unreadable'
  | 'state-unwritable'
  /** Others than the owner may read the key. */
  | 'state-mode'
  | 'state-corrupt'
  /** Another sidecar uses the state directory. */
  | 'state-locked'
  /** The state is that of another workload. */
  | 'state-foreign'
  /** There is neither a valid certificate nor a join token. */
  | 'token-missing';

/** Thrown by `proxy/identity`. */
export class IdentityError extends HauberkError<IdentityErrorCode> {}
