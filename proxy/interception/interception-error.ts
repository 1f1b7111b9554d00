import { HauberkError } from '../../common/errors.ts';

/** Why traffic cannot be intercepted. */
export type InterceptionErrorCode =
  /** The program nft is not there. */
  | 'nft-missing'
  /** The system does not let this process change the rules. */
  | 'nft-refused'
  /** The kernel lacks something that the rules need. */
  | 'nft-unsupported'
  /** nft failed in another way. */
  | 'nft-failed'
  /** This system cannot tell where a redirected connection wanted to go. */
  | 'original-destination-unavailable'
  /** The container that owned this sidecar's network namespace has ended. */
  | 'network-lost';

/** Thrown when rules cannot be applied, or connections cannot be captured. */
export class InterceptionError extends HauberkError<InterceptionErrorCode> {}
