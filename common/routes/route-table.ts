import { isSamePort, type Routes } from './backend-policy.ts';
import { fitsMatch, type RoutedRequest } from './fits-match.ts';
import { requestPath } from './path-match.ts';
import { orderMatches } from './precedence.ts';
import type { Route, RouteMatch, RouteRule, ServicePort, WeightedBackend } from './route.ts';

/** Which rule a request is for. */
export type RouteChoice =
  | RouteEntry
  /** No rule: 404. */
  | { readonly kind: 'no-match' }
  /** Servers read the path in several ways, so that no rule can be sure to mean it: 400. */
  | { readonly kind: 'ambiguous-path' };

/** One match of a rule, and what it leads to. */
export interface RouteEntry {
  readonly kind: 'matched';
  readonly route: Route;
  /** Its `backends` are filled in: empty for a redirect only. */
  readonly rule: RouteRule;
  readonly match: RouteMatch;
  /** Of the rule in its route, from 1. */
  readonly position: number;
}

/** The rules for one service, the one that counts first first. */
export interface RouteTable {
  readonly parent: ServicePort;
  readonly entries: readonly RouteEntry[];
  /** False when every path is the same to all rules, so that an odd one need not be refused. */
  readonly readsPath: boolean;
}

const NO_MATCH: RouteChoice = { kind: 'no-match' };
const AMBIGUOUS_PATH: RouteChoice = { kind: 'ambiguous-path' };

/** The rules for requests to a service; undefined when it has no route, and is carried as bytes. */
export function routeTable({ routes }: Routes, parent: ServicePort): RouteTable | undefined {
  const ours = routes.filter(({ parents }) => parents.some((one) => isSamePort(one, parent)));
  if (ours.length === 0) return undefined;
  const entries = ours.flatMap((route) =>
    route.rules.flatMap((given, at) => {
      const rule = { ...given, backends: backendsOf(given, parent) };
      const found = { kind: 'matched', route, rule } as const;
      return given.matches.map((match): RouteEntry => ({ ...found, match, position: at + 1 }));
    }),
  );
  return {
    parent,
    entries: orderMatches(entries),
    readsPath: entries.some(
      ({ match: { path, grpcMethod }, rule: { filters } }) =>
        grpcMethod !== undefined ||
        (path !== undefined && (path.type === 'Exact' || path.value !== '/')) ||
        (filters.rewrite?.path ?? filters.redirect?.path)?.type === 'ReplacePrefixMatch',
    ),
  };
}

/** Finds the rule for a request. Makes no object: it is called for each. */
export function matchRoute(
  { entries, readsPath }: RouteTable,
  request: RoutedRequest,
): RouteChoice {
  const path = readsPath ? requestPath(request.target) : '/';
  if (path === undefined) return AMBIGUOUS_PATH;
  for (const entry of entries) {
    if (fitsMatch(entry.match, request, path)) return entry;
  }
  return NO_MATCH;
}

/** Where a rule sends the requests to a parent; nowhere for a redirect. */
export function backendsOf(
  { backends, filters }: Pick<RouteRule, 'backends' | 'filters'>,
  parent: ServicePort,
): readonly WeightedBackend[] {
  if (backends.length > 0 || filters.redirect !== undefined) return backends;
  return [{ ...parent, weight: 1 }];
}
