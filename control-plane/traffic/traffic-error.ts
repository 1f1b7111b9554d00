import { HauberkError } from '../../common/errors.ts';

/**
 * Why nothing can be watched:
 * - `watchers-too-many`: as many watch as there may be;
 * - `question-malformed`: an interval, a name or a filter that makes no sense.
 */
export type TrafficErrorCode = 'watchers-too-many' | 'question-malformed';

/** Watching the traffic was refused. */
export class TrafficError extends HauberkError<TrafficErrorCode> {}
