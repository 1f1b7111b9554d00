import { HauberkError } from '../../common/errors.ts';

/** Why traffic cannot be intercepted. */
export type InterceptionErrorCode =
  | 'nft-missing' // The program nft is not there.
  | 'nft-refused' // The system does not let this process change the rules.
  | 'nft-unsupported' // The kernel lacks something that the rules need.
  | 'nft-failed' // nft failed in another way.
  | 'original-destination-unavailable' // This system cannot tell where a redirected connection wanted to go.
  | 'ip-missing' // The program ip is not there.
  | 'ip-failed' // ip did not set a route or a rule.
  | 'client-address-refused' // The system does not let this process call in the name of clients.
  | 'client-address-unavailable' // This system has no way to call in the name of clients.
  | 'client-address-unrouted' // The rules do not bring the answers to clients to the sidecar.
  | 'network-lost'; // The container that owned this sidecar's network namespace has ended.

/** Thrown when rules cannot be applied, or connections cannot be captured. */
export class InterceptionError extends HauberkError<InterceptionErrorCode> {}
