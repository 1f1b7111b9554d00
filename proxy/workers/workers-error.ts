import { HauberkError } from '../../common/errors.ts';

/** Why workers cannot do their work. */
export type WorkersErrorCode =
  | 'worker-failed' // A worker ended before it was ready.
  | 'workers-dying'; // Workers end again and again.

/** Thrown by `proxy/workers`. */
export class WorkersError extends HauberkError<WorkersErrorCode> {}
