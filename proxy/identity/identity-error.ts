import { HauberkError } from '../../common/errors.ts';

/** Why a sidecar has no identity. Refusals of the control plane come as `RpcError`. */
export type IdentityErrorCode =
  | 'state-unreadable' // The state directory, or the file in it, cannot be read or written.
  | 'state-unwritable'
  | 'state-mode' // Others than the owner may read the key.
  | 'state-corrupt'
  | 'state-locked' // Another sidecar uses the state directory.
  | 'state-foreign' // The state is that of another workload.
  | 'token-missing'; // There is neither a valid certificate nor a join token.

/** Thrown by `proxy/identity`. */
export class IdentityError extends HauberkError<IdentityErrorCode> {}
