import { HauberkError } from '../common/errors.ts';

/** Why something could not be measured. */
export type BenchErrorCode =
  | 'option-invalid'
  | 'program-missing'
  | 'program-failed'
  | 'process-ended'
  | 'not-in-time'
  | 'load-failed'
  | 'tunnel-failed'
  | 'results-unreadable';

/** Thrown by the bench. */
export class BenchError extends HauberkError<BenchErrorCode> {}
