import { describeMatch } from '../../../common/routes/describe-match.ts';
import {
  formatServicePort,
  type Route,
  type RouteRule,
  type ServicePort,
} from '../../../common/routes/route.ts';
import { formatTable } from '../../output/table.ts';

const HEADER = ['ROUTE', 'KIND', 'FOR', 'RULE', 'REQUESTS', 'BACKENDS', 'BESIDES'];

/** How many sidecars serve a port. */
export type CountEndpoints = (service: ServicePort) => number;

/** A row for each rule of the routes. */
export function routeTable(routes: readonly Route[], count: CountEndpoints): string {
  const rows = routes.flatMap((route) =>
    route.rules.map((rule, at) => row(route, rule, at, count)),
  );
  return formatTable(HEADER, rows);
}

function row(route: Route, rule: RouteRule, at: number, count: CountEndpoints): string[] {
  const { name, kind, parents } = route;
  return [
    name,
    kind,
    parents.map(formatServicePort).join(', '),
    rule.name === '' ? String(at + 1) : rule.name,
    rule.matches.map(describeMatch).join(' or '),
    backendsOf(route, rule)
      .map(({ service, percent }) => {
        const share = percent === 100 ? '' : ` ${Math.round(percent * 10) / 10}%`;
        return `${formatServicePort(service)}${share} (${endpointsText(count(service))})`;
      })
      .join(', '),
    besides(rule).join(', '),
  ];
}

function endpointsText(count: number): string {
  if (count === 0) return 'no endpoint';
  return count === 1 ? '1 endpoint' : `${count} endpoints`;
}

/** Where the requests of a rule go; the called services themselves where it says nothing. */
function backendsOf(
  { parents }: Route,
  { backends, filters }: RouteRule,
): { readonly service: ServicePort; readonly percent: number }[] {
  if (filters.redirect !== undefined) return [];
  if (backends.length === 0) return parents.map((service) => ({ service, percent: 100 }));
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  return backends.map(({ weight, ...service }) => ({ service, percent: (weight / total) * 100 }));
}

/** What else a rule does, a few words each. */
function besides({
  filters,
  timeouts,
  retry,
  sessionPersistence,
  faultInjection,
}: RouteRule): string[] {
  const { requestHeaders, responseHeaders, redirect, rewrite, mirrors } = filters;
  return [
    ...(redirect === undefined ? [] : [`redirects with ${redirect.statusCode}`]),
    ...(requestHeaders === undefined && responseHeaders === undefined ? [] : ['changes headers']),
    ...(rewrite === undefined ? [] : ['rewrites the URL']),
    ...mirrors.map((one) => `mirrors to ${formatServicePort(one)}`),
    ...(timeouts.requestMs === undefined && timeouts.backendRequestMs === undefined
      ? []
      : ['time-outs']),
    ...(retry === undefined ? [] : ['retries']),
    ...(sessionPersistence === undefined ? [] : ['keeps sessions']),
    ...(faultInjection === undefined ? [] : ['injects faults']),
  ];
}

/** A route as `--json` prints it; docs/json-output.md describes it. */
export function routeDocument(route: Route, count: CountEndpoints): object {
  return {
    name: route.name,
    kind: route.kind,
    for: route.parents.map(formatServicePort),
    rules: route.rules.map((rule) => ({
      ...rule,
      requests: rule.matches.map(describeMatch),
      backends: backendsOf(route, rule).map(({ service, percent }) => ({
        service: formatServicePort(service),
        percent,
        endpoints: count(service),
      })),
    })),
  };
}
