import type { Routes } from '../../../common/routes/backend-policy.ts';
import {
  formatServicePort,
  type Route,
  type RouteRule,
  type ServicePort,
} from '../../../common/routes/route.ts';
import { matchRoute, routeTable, type RouteEntry } from '../../../common/routes/route-table.ts';
import type { RouteMatch } from '../../../common/routes/route.ts';
import type { Refusal } from '../../http/forward/refusal.ts';
import type { RequestHead } from '../../http/message.ts';
import type { Backend } from '../balance/backend.ts';
import { routeRefusal } from '../requests/refusals.ts';

/** One match of a rule, with what it leads to at hand. */
export interface CompiledEntry {
  /** Of the route, for logs and metrics. */
  readonly name: string;
  readonly kind: Route['kind'];
  readonly rule: RouteRule;
  readonly match: RouteMatch;
  readonly backends: readonly { readonly backend: Backend; readonly weight: number }[];
  readonly mirrors: readonly { readonly backend: Backend; readonly percent: number }[];
}

/** Which rule a request to one service is for. */
export interface CompiledTable {
  find(request: RequestHead): CompiledEntry | Refusal;
  readonly entries: readonly CompiledEntry[];
}

/** What is said of a service that had a route: connections that were taken up then go on. */
const NO_ROUTE = '-';

/** The rules for requests to a service; undefined when it has no route. */
export function compileRoutes(
  routes: Routes,
  parent: ServicePort,
  backendAt: (target: ServicePort) => Backend,
): CompiledTable | undefined {
  const table = routeTable(routes, parent);
  if (table === undefined) return undefined;
  const compiled = new Map<RouteEntry, CompiledEntry>();
  for (const entry of table.entries) {
    const { rule, match, route } = entry;
    compiled.set(entry, {
      name: route.name,
      kind: route.kind,
      rule,
      match,
      backends: rule.backends.map((one) => ({ backend: backendAt(one), weight: one.weight })),
      mirrors: rule.filters.mirrors.map((one) => ({
        backend: backendAt(one),
        percent: one.percent,
      })),
    });
  }
  return {
    entries: [...compiled.values()],
    find(request) {
      const choice = matchRoute(table, request);
      if (choice.kind !== 'matched') {
        return routeRefusal(choice.kind, `${request.method} at ${formatServicePort(parent)}`);
      }
      return compiled.get(choice) ?? routeRefusal('no-match');
    },
  };
}

/** Every request goes to the service itself, as it is. */
export function withoutRoutes(backend: Backend): CompiledTable {
  const entry: CompiledEntry = {
    name: NO_ROUTE,
    kind: 'http',
    rule: {
      name: '',
      matches: [],
      filters: { mirrors: [] },
      backends: [],
      timeouts: {},
    },
    match: { headers: [], queryParams: [] },
    backends: [{ backend, weight: 1 }],
    mirrors: [],
  };
  return { entries: [entry], find: () => entry };
}
