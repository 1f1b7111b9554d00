import { HauberkError } from '../../common/errors.ts';
import type { Refusal } from '../../common/rpc/rpc-error.ts';

/** A call is refused; its code goes to the caller as the reason. */
export class RequestError extends HauberkError<Refusal> {}
