import { HauberkError } from '../../common/errors.ts';
import type { Refusal } from '../../common/rpc/rpc-error.ts';

/** A call is refused; its code goes to the caller as the reason. */
export class RequestError extends HauberkError<Refusal> {}

/** Callers that were refused at the same moment come back over this much more of the time they wait. */
const JITTER = 0.5;

/** A caller came too often, and is told when to come again. */
export class RateLimited extends RequestError {
  readonly retryAfterMs: number;

  /** @param what the caller had too many of */
  constructor(what: string, shortestMs: number, random: () => number = Math.random) {
    const retryAfterMs = Math.ceil(shortestMs * (1 + JITTER * random()));
    super('rate-limited', `too many ${what}`, {
      hint: `try again in ${Math.max(Math.ceil(retryAfterMs / 1_000), 1)} s`,
    });
    this.retryAfterMs = retryAfterMs;
  }
}
