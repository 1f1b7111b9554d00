import { HauberkError } from '../../common/errors.ts';

/** Why a service cannot be reached before any peer was asked. */
export type OutboundErrorCode = 'no-endpoint';

/** Thrown by the connector. */
export class OutboundError extends HauberkError<OutboundErrorCode> {}
