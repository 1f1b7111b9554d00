import type { Closeable } from '../../common/lifecycle.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import type { ConnectorDependencies } from '../outbound/connector.ts';
import { EndpointHealth } from '../outbound/endpoint-health.ts';
import { watchMissingUpstreams, type MissingUpstreams } from '../outbound/missing-upstreams.ts';
import { listenUpstream } from '../outbound/upstream-listener.ts';
import { warmUpstreams } from '../outbound/warm-upstreams.ts';
import type { PlaintextListener } from '../relay/plaintext-listener.ts';
import { createDial } from '../tunnel/dial.ts';
import { createTunnelPool } from '../tunnel/tunnel-pool.ts';
import type { Workload } from '../workload/workload.ts';
import type { Runtime } from './runtime.ts';

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

/** What the way out is made from. */
export interface OutboundOptions {
  readonly workload: Workload;
  readonly config: Pick<ProxyConfig, 'upstream' | 'namespace' | 'trustDomain'>;
  readonly runtime: Runtime;
  readonly view: MeshView;
  /** False while more fails than a log should hold; metrics count everything. */
  readonly mayLog: () => boolean;
}

/** Opens the doors for the application, and a tunnel to each peer that it will call. */
export async function openOutbound(options: OutboundOptions): Promise<Outbound> {
  const { workload, config, runtime, view, mayLog } = options;
  const { identity, metrics, network, ownPorts } = workload;
  const { clock, logger, guard, random, memory } = runtime;
  const dial = createDial({ identity, metrics, network, clock, logger, memory });
  await using opened = new AsyncDisposableStack();
  const own = <Part extends Closeable>(part: Part): Part => opened.adopt(part, () => part.close());
  const pool = own(createTunnelPool({ dial, identity, clock, logger, random }));
  const health = new EndpointHealth({ clock, random });
  const connector = { view, pool, health, random, logger, mayLog };
  const { trustDomain, namespace } = config;
  const upstreams = config.upstream.map(({ listen, port, ...target }) => ({
    listen: { address: listen.host, port: listen.port },
    target: { service: target.service, namespace: target.namespace ?? namespace, port },
  }));
  const carrying = { connector, trustDomain, metrics, network, clock, logger, mayLog, guard };
  const listeners: PlaintextListener[] = [];
  for (const upstream of upstreams) {
    const listener = own(await listenUpstream(upstream, carrying));
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
      const watch = watchMissingUpstreams({ upstreams, view, logger });
      missing = parts.adopt(watch, () => watch.close());
    },
    missing: () => missing?.list() ?? [],
    close: () => parts.disposeAsync(),
  };
}
