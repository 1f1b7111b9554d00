import { matchesPath } from './path-match.ts';
import type { GrpcMethodMatch, NamedValue, RouteMatch } from './route.ts';

/** What routes look at of a request. */
export interface RoutedRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  /** In their order; values as they came. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/**
 * True when a request meets all conditions of a match.
 *
 * @param path the request's, as `requestPath` gives it
 */
export function fitsMatch(match: RouteMatch, request: RoutedRequest, path: string): boolean {
  const { grpcMethod, headers, queryParams } = match;
  if (match.path !== undefined && !matchesPath(match.path, path)) return false;
  if (match.method !== undefined && match.method !== request.method) return false;
  if (grpcMethod !== undefined && !isGrpcMethod(grpcMethod, path)) return false;
  for (const header of headers) if (!hasField(request.fields, header)) return false;
  return queryParams.length === 0 || hasQueryParams(request.target, queryParams);
}

/** `/SERVICE/METHOD` is the path of every gRPC request. */
function isGrpcMethod({ service, method }: GrpcMethodMatch, path: string): boolean {
  const slash = path.indexOf('/', 1);
  if (slash < 0 || path.includes('/', slash + 1)) return false;
  if (service !== undefined && (slash !== service.length + 1 || !path.startsWith(service, 1))) {
    return false;
  }
  return method === undefined || path.slice(slash + 1) === method;
}

/** Several fields of one name are one with commas (RFC 9110 section 5.3). */
function hasField(fields: RoutedRequest['fields'], { name, value }: NamedValue): boolean {
  let combined: string | undefined;
  for (const [given, one] of fields) {
    if (given.length !== name.length || given.toLowerCase() !== name) continue;
    combined = combined === undefined ? one : `${combined},${one}`;
  }
  return combined === value;
}

/** Of a parameter that is there several times the first counts. */
function hasQueryParams(target: string, wanted: readonly NamedValue[]): boolean {
  const at = target.indexOf('?');
  if (at < 0) return false;
  const given = new URLSearchParams(target.slice(at + 1));
  return wanted.every(({ name, value }) => given.get(name) === value);
}
