import { HauberkError } from '../../common/errors.ts';

/** Why the leader's work is not done here. */
export type LeaderErrorCode = 'not-leader'; // Another control plane leads, or none does just now.

/** Thrown by `control-plane/leader`. */
export class LeaderError extends HauberkError<LeaderErrorCode> {}
