import { HauberkError } from '../../common/errors.ts';

/** Why the store failed. */
export type StoreErrorCode =
  | 'unavailable' // It could not be read or written now; it may pass.
  | 'full' // No space is left for it; reads still work.
  | 'corrupt' // What is stored is damaged; a person has to restore it.
  | 'incompatible' // It was written by a newer Hauberk, or by another program.
  | 'locked' // Another process uses it.
  | 'moved' // Its state was moved to another store, or is not all here yet.
  | 'denied' // It does not let this control plane in.
  | 'compacted' // The changes that a watch asked for are no longer kept.
  | 'lease-not-found' // The lease expired, was revoked, or never existed.
  | 'invalid' // The request itself is wrong, whatever is stored.
  | 'closed'; // The store was closed.

/** Thrown by every implementation of the store. */
export class StoreError extends HauberkError<StoreErrorCode> {}

/** The error for a lease that expired, was revoked, or never existed. */
export function leaseNotFound(lease: string): StoreError {
  return new StoreError('lease-not-found', `the lease ${lease} has expired or was never granted`, {
    hint: 'grant a new lease and put the keys again',
  });
}
