import type {
  FaultInjection,
  PathModifier,
  RouteFilters,
  RouteMatch,
  RouteRule,
  ServicePort,
} from '../../routes/route.ts';
import type { ServiceRef } from './fields.ts';
import { toFilters } from './filters.ts';
import type { RuleConfig } from './rules.ts';

type Place = readonly (string | number)[];

/**
 * What a rule of a document says.
 *
 * @param resolve completes the name of a service at a place in the rule
 * @param complain takes what is wrong at a place in it
 */
export function toRule(
  given: RuleConfig,
  resolve: (ref: ServiceRef, ...path: Place) => ServicePort,
  complain: (message: string, ...path: Place) => void,
): RouteRule {
  const { timeouts, retry, sessionPersistence: session } = given;
  const filters = toFilters(
    given.filters,
    (ref, at) => resolve(ref, 'filters', at),
    (message, at) => complain(message, 'filters', at),
  );
  const matches = given.matches.length === 0 ? [EVERY_REQUEST] : given.matches.map(toMatch);
  const backends = given.backendRefs.map(({ weight, ...ref }, at) => ({
    ...resolve(ref, 'backendRefs', at),
    weight,
  }));
  if (backends.length > 0 && backends.every(({ weight }) => weight === 0)) {
    complain('expected a weight above 0 for at least one of them', 'backendRefs');
  }
  if (backends.length > 0 && filters.redirect !== undefined) {
    complain('expected no backendRefs in a rule that redirects', 'backendRefs');
  }
  if (replacesPrefix(filters) && !(matches.length === 1 && hasPrefix(matches))) {
    complain('expected exactly one match, with a PathPrefix, for a ReplacePrefixMatch', 'filters');
  }
  return {
    name: given.name ?? '',
    matches,
    filters,
    backends,
    timeouts: { requestMs: timeouts.request, backendRequestMs: timeouts.backendRequest },
    retry: retry && { codes: retry.codes, attempts: retry.attempts, backoffMs: retry.backoff },
    sessionPersistence: session && toSession(session),
    faultInjection: given.faultInjection && toFault(given.faultInjection),
  };
}

const EVERY_REQUEST: RouteMatch = { headers: [], queryParams: [] };

function toMatch(match: RuleConfig['matches'][number]): RouteMatch {
  const headers = match.headers.map(({ name, value }) => ({ name, value }));
  if (!('queryParams' in match)) {
    const { service, method } = match.method ?? {};
    return { grpcMethod: match.method && { service, method }, headers, queryParams: [] };
  }
  const { path, method } = match;
  const queryParams = match.queryParams.map(({ name, value }) => ({ name, value }));
  return { path, method, headers, queryParams };
}

function hasPrefix([match]: readonly RouteMatch[]): boolean {
  return match?.path?.type === 'PathPrefix';
}

function replacesPrefix({ rewrite, redirect }: RouteFilters): boolean {
  const modifiers: readonly (PathModifier | undefined)[] = [rewrite?.path, redirect?.path];
  return modifiers.some((one) => one?.type === 'ReplacePrefixMatch');
}

function toSession(
  given: NonNullable<RuleConfig['sessionPersistence']>,
): NonNullable<RouteRule['sessionPersistence']> {
  const { type, sessionName, absoluteTimeout, idleTimeout, cookieConfig } = given;
  return {
    type,
    sessionName: type === 'Header' ? sessionName.toLowerCase() : sessionName,
    absoluteTimeoutMs: absoluteTimeout,
    idleTimeoutMs: idleTimeout,
    cookieLifetime: cookieConfig?.lifetimeType ?? 'Session',
  };
}

/** What stands for a gRPC code that no HTTP status says. */
const UNAVAILABLE = 503;

function toFault({ delay, abort }: NonNullable<RuleConfig['faultInjection']>): FaultInjection {
  return {
    delay: delay && { fixedDelayMs: delay.fixedDelay, percentage: delay.percentage },
    abort: abort && { httpStatus: UNAVAILABLE, ...abort },
  };
}
