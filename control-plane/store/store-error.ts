import { HauberkError } from '../../common/errors.ts';

/**
 * Why the store failed.
 *
 * - `unavailable`: it could not be read or written now; it may pass.
 * - `full`: no space is left for it; reads still work.
 * - `corrupt`: what is stored is damaged; a person has to restore it.
 * - `incompatible`: it was written by a newer Hauberk, or by another program.
 * - `locked`: another process uses it.
 * - `compacted`: the changes that a watch asked for are no longer kept.
 * - `lease-not-found`: the lease expired, was revoked, or never existed.
 * - `invalid`: the request itself is wrong, whatever is stored.
 * - `closed`: the store was closed.
 */
export type StoreErrorCode =
  | 'unavailable'
  | 'full'
  | 'corrupt'
  | 'incompatible'
  | 'locked'
  | 'compacted'
  | 'lease-not-found'
  | 'invalid'
  | 'closed';

/** Thrown by every implementation of the store. */
export class StoreError extends HauberkError<StoreErrorCode> {}
