import type { Closeable } from '../../common/lifecycle.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import type { ConnectorDependencies } from '../outbound/connector.ts';
import { EndpointHealth } from '../outbound/endpoint-health.ts';
import { watchMissingUpstreams, type MissingUpstreams } from '../outbound/missing-upstreams.ts';
import { listenUpstream } from '../outbound/upstream-listener.ts';
import { warmUpstreams } from '../outbound/warm-upstreams.ts';
import type { Room } from './room.ts';
import type { PlaintextListener } from '../relay/plaintext-listener.ts';
import { createDial } from '../tunnel/dial.ts';
import { createTunnelPool } from '../tunnel/tunnel-pool.ts';

/** The way out of a sidecar. */
export interface Outbound extends Closeable {
  /** To be called when the mesh is known as far as it can be: says which upstreams have no endpoint. */
  watchMissing(): void;
  /** The upstreams that had no endpoint so far, as `SERVICE.NAMESPACE:PORT`. */
  missing(): readonly string[];
  readonly listeners: readonly PlaintextListener[];
  /** Finds and opens tunnels, for other carriers of connections. */
  readonly connector: ConnectorDependencies;
}

/** Opens the doors for the application, and a tunnel to each peer that it will call. */
export async function openOutbound(room: Room, view: MeshView): Promise<Outbound> {
  const { config, source, metrics, ownPorts, ...dependencies } = room;
  const dial = createDial({ ...dependencies, identity: source, metrics });
  await using opened = new AsyncDisposableStack();
  const own = <Part extends Closeable>(part: Part): Part => opened.adopt(part, () => part.close());
  const pool = own(createTunnelPool({ ...dependencies, dial, identity: source }));
  const connector = {
    ...dependencies,
    view,
    pool,
    health: new EndpointHealth(dependencies),
    mayLog: createLogLimit(dependencies.clock),
  };
  const { trustDomain, namespace } = config;
  const upstreams = config.upstream.map(({ listen, port, ...target }) => ({
    listen: { address: listen.host, port: listen.port },
    target: { service: target.service, namespace: target.namespace ?? namespace, port },
  }));
  const listeners: PlaintextListener[] = [];
  for (const upstream of upstreams) {
    const listener = own(await listenUpstream(upstream, { ...connector, metrics, trustDomain }));
    ownPorts.add(listener.address.port);
    listeners.push(listener);
  }
  own(warmUpstreams(upstreams, connector));
  const parts = opened.move();
  let missing: MissingUpstreams | undefined;
  return {
    listeners,
    connector,
    watchMissing() {
      const watch = watchMissingUpstreams({ upstreams, view, logger: dependencies.logger });
      missing = parts.adopt(watch, () => watch.close());
    },
    missing: () => missing?.list() ?? [],
    close: () => parts.disposeAsync(),
  };
}
