import type { Routes } from '../routes/backend-policy.ts';
import type { RoutedRequest } from '../routes/fits-match.ts';
import { replacePrefix, requestPath } from '../routes/path-match.ts';
import { matchRoute, type RouteEntry, routeTable } from '../routes/route-table.ts';
import type { ServicePort, WeightedBackend } from '../routes/route.ts';
import type { AccessRequest } from './decide.ts';
import { type AccessExplanation, type Enforcer, explainAccess } from './explain-access.ts';
import type { Policy } from './policy.ts';

/** What the sidecars of a service that a request may go to decide about it. */
export interface BackendAccess {
  readonly backend: ServicePort;
  /** Of the requests that are like this one, in percent. */
  readonly share: number;
  readonly enforcers: readonly Enforcer[];
  readonly access: AccessExplanation;
}

/** What becomes of a request. */
export type RequestExplanation =
  /** The service has no routes: it goes there as bytes. */
  | { readonly kind: 'unrouted'; readonly backends: readonly [BackendAccess] }
  | {
      readonly kind: 'routed';
      readonly entry: RouteEntry;
      /** None where the rule redirects. */
      readonly backends: readonly BackendAccess[];
    }
  /** The caller's sidecar answers: 404, and 400. */
  | { readonly kind: 'no-match' | 'ambiguous-path'; readonly backends: readonly [] };

/** What the configuration of a mesh says, and which sidecars decide about a port. */
export interface ExplainedMesh {
  readonly policy: Policy;
  readonly routes: Routes;
  readonly enforcersAt: (service: ServicePort) => readonly Enforcer[];
}

/** Says which route a request takes, which services it may reach, and what the sidecars there decide. */
export function explainRequest(
  { policy, routes, enforcersAt }: ExplainedMesh,
  { source, destination, port }: AccessRequest,
  request: RoutedRequest,
): RequestExplanation {
  const { namespace, service, trustDomain } = destination;
  const called: ServicePort = { namespace, service, port };
  const accessTo = (
    backend: ServicePort,
    share: number,
    path: string | undefined,
  ): BackendAccess => {
    const { namespace: within, service: name } = backend;
    const asked = {
      source,
      destination: { trustDomain, namespace: within, service: name },
      port: backend.port,
    };
    const enforcers = enforcersAt(backend);
    const http = { method: request.method, path };
    return { backend, share, enforcers, access: explainAccess(policy, asked, enforcers, http) };
  };
  const path = requestPath(request.target);
  const table = routeTable(routes, called);
  if (table === undefined) {
    return { kind: 'unrouted', backends: [accessTo(called, 100, path)] };
  }
  const entry = matchRoute(table, request);
  if (entry.kind !== 'matched') return { kind: entry.kind, backends: [] };
  const backends = entry.rule.backends.filter(({ weight }) => weight > 0);
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  const sentPath = rewritten(entry, path);
  return {
    kind: 'routed',
    entry,
    backends: backends.map(({ weight, ...backend }: WeightedBackend) =>
      accessTo(backend, (weight / total) * 100, sentPath),
    ),
  };
}

function rewritten({ rule, match }: RouteEntry, path: string | undefined): string | undefined {
  const modifier = rule.filters.rewrite?.path;
  if (modifier === undefined || path === undefined) return path;
  if (modifier.type === 'ReplaceFullPath') return modifier.value;
  return replacePrefix(path, match.path?.value ?? '/', modifier.value);
}
