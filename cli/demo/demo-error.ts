import { HauberkError } from '../../common/errors.ts';

/** Why the demo could not go on. */
export type DemoErrorCode = 'process-ended' | 'not-in-time' | 'interrupted';

/** Thrown by the demo. */
export class DemoError extends HauberkError<DemoErrorCode> {}
