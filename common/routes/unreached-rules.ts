import type { Routes } from './backend-policy.ts';
import { type RouteEntry, routeTable } from './route-table.ts';
import { formatServicePort, type NamedValue, type RouteMatch } from './route.ts';

/** A rule that takes no request of a service, because the same matches come first. */
export interface UnreachedRule {
  /** `SERVICE.NAMESPACE:PORT` */
  readonly service: string;
  readonly rule: string;
  /** The rule that takes them. */
  readonly taker: string;
}

/** The rules all of whose matches another rule has too, which counts before them. */
export function unreachedRules(routes: Routes): readonly UnreachedRule[] {
  const parents = new Map(
    routes.routes
      .flatMap((route) => route.parents)
      .map((parent) => [formatServicePort(parent), parent]),
  );
  return [...parents].flatMap(([service, parent]) => {
    const takers = new Map<string, RouteEntry>();
    const [reached, rest] = [new Set<string>(), new Map<string, string>()];
    for (const entry of routeTable(routes, parent)?.entries ?? []) {
      const taker = takers.get(keyOf(entry.match));
      takers.set(keyOf(entry.match), taker ?? entry);
      if (taker === undefined || taker.rule === entry.rule) reached.add(nameOf(entry));
      else rest.set(nameOf(entry), nameOf(taker));
    }
    return [...rest]
      .filter(([rule]) => !reached.has(rule))
      .map(([rule, taker]) => ({ service, rule, taker }));
  });
}

/** Two matches with the same key fit the same requests. */
function keyOf({ path, grpcMethod, method, headers, queryParams }: RouteMatch): string {
  const sorted = (values: readonly NamedValue[]): string[] =>
    values.map(({ name, value }) => JSON.stringify([name, value])).sort();
  const prefix = path?.type === 'PathPrefix' ? path.value.replace(/\/$/, '') : '';
  const exact = path?.type === 'Exact' ? path.value : undefined;
  const grpc = [grpcMethod?.service, grpcMethod?.method];
  return JSON.stringify([prefix, exact, grpc, method, sorted(headers), sorted(queryParams)]);
}

function nameOf({ route, rule, position }: RouteEntry): string {
  return `${route.name}/${rule.name === '' ? position : rule.name}`;
}
