import { isIdempotent } from '../idempotent.ts';
import type { ResponseHead } from '../message.ts';
import type { FieldNames } from '../fields/identity-fields.ts';
import type { AfterTry, FailedTry, ForwardRoute, ForwardTarget } from './forward-route.ts';
import { refusal, type Refusal, serviceBrokeOff } from './refusal.ts';

/** What a failed try means for the client. */
export type ToRefusal = (error: unknown) => Refusal;

/** A request is sent so often at most; the next server may be one that is going away as well. */
const MAX_TRIES = 3;

const AGAIN: AfterTry = { kind: 'again', afterMs: 0 };

/** Sends a request to one destination, and again only where no service has acted on it, or would act twice in vain. */
export class DirectRoute implements ForwardRoute {
  readonly keepsBody: boolean;
  readonly identityFields?: FieldNames;
  readonly #target: ForwardTarget;
  readonly #toRefusal: ToRefusal;
  #tries = 0;

  constructor(target: ForwardTarget, toRefusal: ToRefusal, identityFields?: FieldNames) {
    if (identityFields !== undefined) this.identityFields = identityFields;
    this.#target = target;
    this.#toRefusal = toRefusal;
    this.keepsBody = target.upstream.isShared || isIdempotent(target.head.method);
  }

  next(): ForwardTarget {
    this.#tries += 1;
    return this.#target;
  }

  afterTry(failed: FailedTry, isRepeatable: boolean): AfterTry {
    const isSafe = isRepeatable && isSafeToRepeat(failed, this.#target.head.method);
    if (isSafe && this.#tries < MAX_TRIES) return AGAIN;
    return { kind: 'refuse', refusal: refusalOf(failed, this.#toRefusal) };
  }

  passes(head: ResponseHead): ResponseHead {
    return head;
  }
}

/**
 * True when sending a request again does no harm: it was surely not acted on (RFC 9113 section 8.7), or it met the
 * end of a connection that was kept, and has the effect of one when it is done twice (RFC 9110 section 9.2.2).
 */
function isSafeToRepeat(failed: FailedTry, method: string): boolean {
  if (failed.kind !== 'failed') return false;
  const { kind } = failed.failure;
  return kind === 'refused' || (kind === 'stale' && isIdempotent(method));
}

/** What the client is told of a failed try that was the last one. */
export function refusalOf(failed: FailedTry, toRefusal: ToRefusal): Refusal {
  switch (failed.kind) {
    case 'unsent':
      return toRefusal(failed.error);
    case 'late':
      return refusal('service-late');
    case 'answered':
      return refusal('service-failed', `the service answered ${failed.head.status}`);
    case 'failed':
      // TLS may have said more of it than HTTP could.
      if (failed.brokenBy !== undefined) return toRefusal(failed.brokenBy);
      return serviceBrokeOff(failed.failure);
  }
}
