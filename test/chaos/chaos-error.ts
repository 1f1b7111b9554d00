import { HauberkError } from '../../common/errors.ts';

/** Why a run could not be made. A broken invariant is no error: it is what a run is for. */
export type ChaosErrorCode = 'option-invalid' | 'machine-unfit' | 'interrupted';

/** Thrown by the harness. */
export class ChaosError extends HauberkError<ChaosErrorCode> {}
