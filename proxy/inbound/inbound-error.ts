import type { BudgetRefusal } from '../../common/budget/budget-error.ts';
import { HauberkError } from '../../common/errors.ts';

/** There is no room for a connection to the application. */
export class InboundError extends HauberkError<BudgetRefusal> {}
