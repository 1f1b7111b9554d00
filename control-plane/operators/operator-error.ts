import { HauberkError } from '../../common/errors.ts';

/**
 * Why an operator gets nothing.
 *
 * - `operator-renewal-over`: the credential goes back too far, or unknowably far.
 */
export type OperatorErrorCode = 'operator-renewal-over';

/** Thrown by `control-plane/operators`. */
export class OperatorError extends HauberkError<OperatorErrorCode> {}
