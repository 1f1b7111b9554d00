import { HauberkError } from '../../common/errors.ts';

/** Why the store failed. `unavailable` may pass; the others will not by themselves. */
export type StoreErrorCode =
  'unavailable' | 'full' | 'corrupt' | 'locked' | 'compacted' | 'lease-not-found' | 'closed';

/** Thrown by every implementation of the store. */
export class StoreError extends HauberkError<StoreErrorCode> {}
