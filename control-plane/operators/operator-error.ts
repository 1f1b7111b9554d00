import { HauberkError } from '../../common/errors.ts';

/** Why an operator gets nothing. */
export type OperatorErrorCode = 'operator-renewal-over'; // The credential goes back too far, or unknowably far.

/** Thrown by `control-plane/operators`. */
export class OperatorError extends HauberkError<OperatorErrorCode> {}
