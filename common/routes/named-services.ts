import type { Routes } from './backend-policy.ts';
import { formatServicePort, type ServicePort } from './route.ts';

/** A service that routes name, and where. */
export interface NamedService {
  /** As in `the route api`. */
  readonly place: string;
  readonly service: ServicePort;
}

/** Every service that routes name: whose requests they take, where they lead, and how backends are treated. */
export function namedServices({ routes, backends }: Routes): readonly NamedService[] {
  return [
    ...routes.flatMap(({ name, parents, rules }) =>
      [...parents, ...rules.flatMap((rule) => [...rule.backends, ...rule.filters.mirrors])].map(
        (service) => ({ place: `the route ${name}`, service }),
      ),
    ),
    ...backends.flatMap(({ targets }) =>
      targets.map((service) => ({ place: 'routes.backends', service })),
    ),
  ];
}

/** The services for which there is an entry in `backends`, and to which no route leads: it has no effect. */
export function idleBackendPolicies({ routes, backends }: Routes): readonly ServicePort[] {
  const reached = new Set(
    namedServices({ routes, backends: [] }).map(({ service }) => formatServicePort(service)),
  );
  return backends
    .flatMap(({ targets }) => targets)
    .filter((target) => !reached.has(formatServicePort(target)));
}
