import { HauberkError } from '../../common/errors.ts';

/** What a sidecar does not take from outside. */
export type DiscoveryErrorCode = 'view-file';

/** Thrown inside `proxy/discovery`; it never leaves it, but is logged. */
export class DiscoveryError extends HauberkError<DiscoveryErrorCode> {}
