import type { Routes } from '../../../common/routes/backend-policy.ts';
import { serviceScope, type Scope, type ServiceName } from '../../../common/wire/interest.ts';

/** The services that requests to a service may be sent to by the routes of the mesh: backends, and mirrors. */
export function routeBackends(
  { routes }: Pick<Routes, 'routes'>,
  isCalled: (parent: ServiceName) => boolean,
): Scope[] {
  const backends = new Set<Scope>();
  for (const { parents, rules } of routes) {
    if (!parents.some(isCalled)) continue;
    for (const { backends: weighted, filters } of rules)
      for (const backend of [...weighted, ...filters.mirrors]) backends.add(serviceScope(backend));
  }
  return [...backends];
}
