import type { BudgetShare } from '../../../common/budget/shared-budget.ts';
import type { ExchangeFailure } from '../exchange.ts';
import type { FieldNames } from '../fields/identity-fields.ts';
import type { RequestHead, ResponseHead } from '../message.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { Refusal } from './refusal.ts';

/** What became of a try that brought no answer to pass on. */
export type FailedTry =
  /** There was no connection to be had; nothing was sent. */
  | { readonly kind: 'unsent'; readonly error: unknown }
  /** It ended without a whole answer, of which nothing was passed on. */
  | { readonly kind: 'failed'; readonly failure: ExchangeFailure; readonly brokenBy: unknown }
  /** The route has given it up (`giveUpTry`). */
  | { readonly kind: 'late' }
  /** The route does not want to pass this answer on. */
  | { readonly kind: 'answered'; readonly head: ResponseHead };

/** What happens after a failed try: it is sent again, now or so many milliseconds later, or that was all. */
export type AfterTry =
  | { readonly kind: 'again'; readonly afterMs: number }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

/** Where a request is sent. */
export interface ForwardTarget {
  readonly upstream: Upstream;
  /** As the service gets it. */
  readonly head: RequestHead;
  /** Whose place it takes there; undefined where all requests are on one account. */
  readonly share?: BudgetShare | undefined;
}

/** Decides where one request goes. */
export interface ForwardRoute {
  /** True when the body has to be kept, as far as it may be, since it may be sent again. */
  readonly keepsBody: boolean;
  /** What a client may not say of itself in trailers either; undefined for the usual names. */
  readonly identityFields?: FieldNames;
  /** Where the next try goes; or why there is none. */
  next(): ForwardTarget | Refusal;
  /** Judges a try. Only a request that is repeatable may be sent again: nothing of it is gone. */
  afterTry(failed: FailedTry, isRepeatable: boolean): AfterTry;
  /** The head that the client gets; undefined when the route would rather try again. */
  passes(head: ResponseHead, isRepeatable: boolean): ResponseHead | undefined;
}
