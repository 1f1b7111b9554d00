import { NO_ROUTES, type Routes } from '../../../common/routes/backend-policy.ts';
import type { PathMatch } from '../../../common/routes/path-match.ts';
import { matchRoute, type RouteTable, routeTable } from '../../../common/routes/route-table.ts';
import type { NamedValue, Route, RouteMatch, RouteRule } from '../../../common/routes/route.ts';

/** The service that is called in the tests of routes. */
export const API = { namespace: 'shop', service: 'api', port: 8080 };

/** A condition on the path that reads as in a table. */
export const exact = (value: string): PathMatch => ({ type: 'Exact', value });
export const prefix = (value: string): PathMatch => ({ type: 'PathPrefix', value });

/** A match with these conditions. */
export function matchOf(conditions: Partial<RouteMatch> = {}): RouteMatch {
  return { headers: [], queryParams: [], ...conditions };
}

/** A rule of that name for any of these matches. */
export function ruleOf(
  name: string,
  matches: readonly Partial<RouteMatch>[],
  rest: Partial<RouteRule> = {},
): RouteRule {
  return {
    name,
    matches: matches.map(matchOf),
    filters: { mirrors: [] },
    backends: [],
    timeouts: {},
    ...rest,
  };
}

/** A route for API. */
export function routeOf(rules: readonly RouteRule[], rest: Partial<Route> = {}): Route {
  return { kind: 'http', name: 'route', parents: [API], rules, ...rest };
}

/** The table of these routes for API. */
export function tableOf(...routes: readonly Route[]): RouteTable {
  const all: Routes = { ...NO_ROUTES, routes };
  const table = routeTable(all, API);
  if (table === undefined) throw new Error('expected a route for api.shop:8080');
  return table;
}

/** The name of the rule for a request, or why there is none. */
export function ruleFor(
  table: RouteTable,
  target: string,
  { method = 'GET', fields = [] as NamedValue[] } = {},
): string {
  const pairs = fields.map(({ name, value }) => [name, value] as const);
  const choice = matchRoute(table, { method, target, fields: pairs });
  return choice.kind === 'matched' ? choice.rule.name : choice.kind;
}
