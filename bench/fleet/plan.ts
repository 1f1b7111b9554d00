import type { FleetOptions } from './fleet-options.ts';
import type { ServicePlan, SimulatorPlan } from './simulator/orders.ts';

/** The namespace of all services. */
export const FLEET_NAMESPACE = 'fleet';

/** What every service calls, besides its own choice: a change there is the dearest that there is. */
export const POPULAR = 'svc-0';

/** The service that all call would have hundreds: what reports is bounded, and most services have few. */
const MOST_CALLERS = 20;

/** One service, before it has a token. */
export type FleetService = Omit<ServicePlan, 'token'>;

/**
 * Who is there and who calls whom: instances are dealt out evenly, and each service calls the first one and
 * those that follow it.
 */
export function planServices({
  sidecars,
  services,
  calls,
}: Pick<FleetOptions, 'sidecars' | 'services' | 'calls'>): FleetService[] {
  const name = (at: number): string => `svc-${at % services}`;
  let first = 0;
  const planned = Array.from({ length: services }, (_, at) => {
    const instances = Math.floor(sidecars / services) + (at < sidecars % services ? 1 : 0);
    const service = { name: name(at), first, instances, calls: callsOf(at) };
    first += instances;
    return service;
  });
  const callers = new Map<string, string[]>(planned.map((service) => [service.name, []]));
  for (const service of planned)
    for (const one of service.calls) callers.get(one)?.push(service.name);
  return planned.map((service) => {
    const of = (callers.get(service.name) ?? []).slice(0, MOST_CALLERS);
    return Object.assign(service, { callers: of });
  });

  function callsOf(at: number): string[] {
    const names = new Set<string>();
    if (calls > 0 && at !== 0) names.add(POPULAR);
    for (let next = at + 1; names.size < calls; next += 1) names.add(name(next));
    names.delete(name(at));
    return [...names];
  }
}

/** How many sidecars call a service, and so have to be told of its endpoints. */
export function callersOf(services: readonly FleetService[], name: string): number {
  return services
    .filter(({ calls }) => calls.includes(name))
    .reduce((sum, { instances }) => sum + instances, 0);
}

/** Deals the services out to simulators. */
export function planSimulators(
  services: readonly ServicePlan[],
  many: number,
  common: Omit<SimulatorPlan, 'services'>,
): SimulatorPlan[] {
  return Array.from({ length: many }, (_, at) => ({
    ...common,
    services: services.filter((_service, index) => index % many === at),
  }));
}
