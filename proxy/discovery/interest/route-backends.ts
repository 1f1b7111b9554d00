import type { Routes } from '../../../common/routes/backend-policy.ts';
import { backendsOf } from '../../../common/routes/route-table.ts';
import { serviceScope, type Scope, type ServiceName } from '../../../common/wire/interest.ts';

/** The services that requests to a service may be sent to by the routes of the mesh: backends, and mirrors. */
export function routeBackends(
  { routes }: Pick<Routes, 'routes'>,
  isCalled: (parent: ServiceName) => boolean,
): Scope[] {
  const backends = new Set<Scope>();
  for (const { parents, rules } of routes) {
    const called = parents.filter(isCalled);
    if (called.length === 0) continue;
    for (const rule of rules) {
      const weighted = called.flatMap((parent) => backendsOf(rule, parent));
      for (const backend of [...weighted, ...rule.filters.mirrors])
        backends.add(serviceScope(backend));
    }
  }
  return [...backends];
}
