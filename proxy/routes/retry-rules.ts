import type { ExchangeFailure } from '../http/exchange.ts';

/** When a request is sent again; the names are those of the Gateway API (GEP-1731). */
export interface RetrySettings {
  /** Answers with these status codes are not passed on while tries are left. */
  readonly codes: readonly number[];
  /** The same for gRPC, by the number of its status. */
  readonly grpcCodes: readonly number[];
  /** Retries of one request, besides the first try. */
  readonly attempts: number;
  /** The least time before the first retry. */
  readonly backoffMs: number;
}

/** What became of one try. */
export type TryOutcome =
  /** The connection to the endpoint could not be made: nothing of the request was sent. */
  | { readonly kind: 'unsent' }
  /** The exchange ended without a whole response, before any of it was passed on. */
  | { readonly kind: 'failed'; readonly failure: ExchangeFailure['kind'] }
  /** The try took longer than it may. */
  | { readonly kind: 'late' }
  /** The response's head has come, and none of it was passed on. */
  | { readonly kind: 'answered'; readonly status: number; readonly grpcStatus: number | undefined };

/**
 * What happens after a try:
 * - `final`: what came is the answer;
 * - `free`: the request goes to another connection at once, as no application has acted on it, or would act twice in vain
 *   (RFC 9110 section 9.2.2). This is not counted as a retry of the route, and needs no settings;
 * - `retry`: it is sent again because the route says so, after a pause, if the budget allows.
 */
export type AfterTry = 'final' | 'free' | 'retry';

/** RFC 9110 section 9.2.2: more than one of them have the effect of one. */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  // RFC 4918 sections 9.1 and 9.2, and RFC 5323.
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'REPORT',
  'SEARCH',
]);

/** True when a request may be sent twice without a change of what it does. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/**
 * Judges a try. A request that may have been acted on is sent again for two reasons only: its method is idempotent, or the route
 * names the status code that the service itself answered with.
 */
export function afterTry(
  outcome: TryOutcome,
  method: string,
  retry: RetrySettings | undefined,
): AfterTry {
  switch (outcome.kind) {
    case 'unsent':
      return 'free';
    case 'failed':
      if (outcome.failure === 'refused') return 'free';
      if (!isIdempotent(method) || outcome.failure === 'malformed') return 'final';
      if (outcome.failure === 'stale') return 'free';
      return retry === undefined ? 'final' : 'retry';
    case 'late':
      return retry !== undefined && isIdempotent(method) ? 'retry' : 'final';
    case 'answered': {
      if (retry === undefined) return 'final';
      const { status, grpcStatus } = outcome;
      const isNamed =
        retry.codes.includes(status) ||
        (grpcStatus !== undefined && retry.grpcCodes.includes(grpcStatus));
      return isNamed ? 'retry' : 'final';
    }
  }
}

/** Ten times the first pause is enough for whatever a retry can wait for. */
const MOST_BACKOFFS = 10;

/**
 * The pause before a retry: at least `backoffMs`, doubled with each one up to ten times, and half as much again by chance, so that
 * requests that failed together do not come back together.
 *
 * @param retries how many there were, from 0
 * @param random gives numbers in [0, 1)
 */
export function retryPauseMs(
  { backoffMs }: Pick<RetrySettings, 'backoffMs'>,
  retries: number,
  random: () => number,
): number {
  const leastMs = backoffMs * Math.min(2 ** retries, MOST_BACKOFFS);
  return leastMs * (1 + random() / 2);
}
