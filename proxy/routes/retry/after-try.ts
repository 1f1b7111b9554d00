import type { Route, RouteRetry } from '../../../common/routes/route.ts';
import { valueOf } from '../../http/fields/field-values.ts';
import type { FailedTry } from '../../http/forward/forward-route.ts';
import { isIdempotent } from '../../http/idempotent.ts';

/** Why a request is sent again; a label of `hauberk_route_retries_total`. */
export type RetryReason =
  /** No connection to the endpoint could be made. */
  | 'unsent'
  /** The server said that it has not acted on it (RFC 9113 section 8.7). */
  | 'refused'
  /** A connection that was kept had just ended. */
  | 'stale'
  /** The exchange was broken off, or its connection is gone. */
  | 'broken'
  /** The try took too long. */
  | 'late'
  /** The route names the code that was answered. */
  | 'code';

/**
 * What happens after a try:
 * - `final`: what came is the answer;
 * - `free`: the request goes to another connection at once, as no application has acted on it, or would act twice in vain
 *   (RFC 9110 section 9.2.2): it needs no settings, and is not counted against the route's tries;
 * - `retry`: it is sent again because the route says so, after a pause, if the budget allows.
 */
export interface Verdict {
  readonly next: 'final' | 'free' | 'retry';
  readonly reason: RetryReason;
}

/**
 * Judges a try. A request that may have been acted on is sent again for two reasons only: its method is idempotent, or the
 * route names the code that the service itself answered with.
 *
 * @param kind says which codes the route names: of HTTP, or of gRPC
 */
export function afterTry(
  failed: FailedTry,
  method: string,
  kind: Route['kind'],
  retry: RouteRetry | undefined,
): Verdict {
  const ifAsked = (is: boolean): Verdict['next'] => (is && retry !== undefined ? 'retry' : 'final');
  switch (failed.kind) {
    case 'unsent':
      return { next: 'free', reason: 'unsent' };
    case 'late':
      return { next: ifAsked(isIdempotent(method)), reason: 'late' };
    case 'answered':
      return { next: ifAsked(isNamed(failed, kind, retry)), reason: 'code' };
    case 'failed':
      switch (failed.failure.kind) {
        case 'refused':
          return { next: 'free', reason: 'refused' };
        case 'stale':
          return { next: isIdempotent(method) ? 'free' : 'final', reason: 'stale' };
        case 'reset':
        case 'lost':
          return { next: ifAsked(isIdempotent(method)), reason: 'broken' };
        case 'malformed':
          return { next: 'final', reason: 'broken' };
      }
  }
}

function isNamed(
  { head }: Extract<FailedTry, { readonly kind: 'answered' }>,
  kind: Route['kind'],
  retry: RouteRetry | undefined,
): boolean {
  if (retry === undefined) return false;
  if (kind === 'http') return retry.codes.includes(head.status);
  // Of an answer that is a head only (gRPC over HTTP/2, "Trailers-Only").
  const status = valueOf(head.fields, 'grpc-status');
  return status !== undefined && retry.codes.includes(Number(status));
}

/** Ten times the first pause is enough for whatever a retry can wait for. */
const MOST_BACKOFFS = 10;

/**
 * The pause before a retry: at least `backoffMs`, doubled with each one up to ten times, and half as much again by chance, so
 * that requests that failed together do not come back together.
 *
 * @param retries how many there were, from 0
 * @param random gives numbers in [0, 1)
 */
export function retryPauseMs(
  { backoffMs }: Pick<RouteRetry, 'backoffMs'>,
  retries: number,
  random: () => number,
): number {
  const leastMs = backoffMs * Math.min(2 ** retries, MOST_BACKOFFS);
  return leastMs * (1 + random() / 2);
}
