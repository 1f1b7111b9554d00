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
 * connection does not wait for a handshake, and drains it when the endpoint goes away. Where the pool keeps as many ready
 * as it may, the others get theirs when endpoints go away, in the order in which they appeared.
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
  /** For which the pool had no place, by instance id. Those that lost theirs because they were idle are not among them. */
  const unready = new Map<string, Endpoint>();
  const warm = (endpoint: Endpoint): boolean => {
    const isReady = pool.warm(dialTarget(endpoint));
    if (isReady) unready.delete(endpoint.instanceId);
    else unready.set(endpoint.instanceId, endpoint);
    return isReady;
  };
  const follow = (endpoints: readonly Endpoint[]): void => {
    for (const endpoint of endpoints) {
      if (isUpstream(endpoint)) warm(endpoint);
      else unready.delete(endpoint.instanceId);
    }
  };
  follow(view.endpoints());
  const stop = view.onChange(({ upserted, removed }) => {
    // First: what takes the place of an endpoint takes its place in the pool, and may be at the same address.
    for (const endpoint of removed) {
      for (const address of endpoint.addresses) pool.forget(dialTarget(endpoint, address));
      health.forget(endpoint.instanceId);
      unready.delete(endpoint.instanceId);
    }
    follow(upserted);
    if (removed.length === 0) return;
    for (const endpoint of unready.values()) if (!warm(endpoint)) return;
  });
  return { close: stop };
}
