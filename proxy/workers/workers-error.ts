import { HauberkError } from '../../common/errors.ts';

/** Why workers cannot do their work. */
export type WorkersErrorCode =
  /** A worker ended before it was ready. */
  | 'worker-failed'
  /** Workers end again and again. */
  | 'workers-dying';

/** Thrown by `proxy/workers`. */
export class WorkersError extends HauberkError<WorkersErrorCode> {}
