import type { Closeable } from '../../common/lifecycle.ts';
import { servesPort, type Endpoint } from '../../common/wire/endpoint.ts';
import { serviceScope } from '../../common/wire/interest.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import type { TunnelPool } from '../tunnel/tunnel-pool.ts';
import { dialTarget, type ServicePort } from './connector.ts';
import type { EndpointHealth } from './endpoint-health.ts';

/** What follows the view. */
export interface WarmingDependencies {
  readonly view: MeshView;
  readonly pool: TunnelPool;
  readonly health: EndpointHealth;
}

/**
 * Opens a tunnel to each endpoint of the upstream services as soon as it appears, so that the first
 * connection does not wait for a handshake, as far as the pool does that, and drains it when the endpoint goes away.
 */
export function warmUpstreams(
  upstreams: readonly { readonly target: ServicePort }[],
  { view, pool, health }: WarmingDependencies,
): Closeable {
  const portsOf = Map.groupBy(upstreams, ({ target }) => serviceScope(target));
  const isUpstream = (endpoint: Endpoint): boolean =>
    portsOf
      .get(serviceScope(endpoint.spiffeId))
      ?.some(({ target }) => servesPort(endpoint, target.port)) === true;
  const warm = (endpoints: readonly Endpoint[]): void => {
    for (const endpoint of endpoints) if (isUpstream(endpoint)) pool.warm(dialTarget(endpoint));
  };
  warm(view.endpoints());
  const stop = view.onChange(({ upserted, removed }) => {
    warm(upserted);
    for (const endpoint of removed) {
      for (const address of endpoint.addresses) pool.forget(dialTarget(endpoint, address));
      health.forget(endpoint.instanceId);
    }
  });
  return { close: stop };
}
