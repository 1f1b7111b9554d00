import type { Registry } from 'prom-client';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import type { ConnectorDependencies } from '../outbound/connector.ts';
import { EndpointHealth } from '../outbound/endpoint-health.ts';
import { watchMissingUpstreams, type MissingUpstreams } from '../outbound/missing-upstreams.ts';
import { listenUpstream, type ServeRouted } from '../outbound/upstream-listener.ts';
import { warmUpstreams } from '../outbound/warm-upstreams.ts';
import { createDial } from '../tunnel/dial.ts';
import { createTunnelPool } from '../tunnel/tunnel-pool.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { Workload } from '../workload/workload.ts';
import { openRoutes } from './routes.ts';
import type { Parts, Runtime } from './runtime.ts';

/** The way out of a sidecar. */
export interface Outbound {
  /** To be called when the mesh is known as far as it can be: says which upstreams have no endpoint. */
  watchMissing(): void;
  /** The upstreams that had no endpoint so far, as `SERVICE.NAMESPACE:PORT`. */
  missing(): readonly string[];
  /** Finds and opens tunnels, for other carriers of connections. */
  readonly connector: ConnectorDependencies;
  /** Serves connections to services that have routes. */
  readonly serveRouted: ServeRouted;
}

/** What the way out is made from. */
export interface OutboundOptions {
  readonly workload: Workload;
  readonly config: Pick<ProxyConfig, 'upstream' | 'namespace' | 'trustDomain'>;
  readonly runtime: Runtime;
  readonly view: MeshView;
  /** False while more fails than a log should hold; metrics count everything. */
  readonly mayLog: () => boolean;
  readonly registry: Registry;
  /** Undefined while tracing is off. */
  readonly tracer: Tracer | undefined;
}

/** Opens the listeners for the application, and a tunnel to each peer that it will call. */
export async function openOutbound(options: OutboundOptions, parts: Parts): Promise<Outbound> {
  const { workload, config, runtime, view, mayLog, registry, tracer } = options;
  const { identity, metrics, network } = workload;
  const { clock, logger, guard, random, memory } = runtime;
  const dial = createDial({ identity, metrics, network, clock, logger, memory });
  const pool = parts.own(createTunnelPool({ dial, identity, clock, guard, logger, random }));
  const health = new EndpointHealth({ clock, random });
  const connector = { view, pool, health, random, logger, mayLog };
  const { trustDomain, namespace } = config;
  const upstreams = config.upstream.map(({ listen, port, ...target }) => ({
    listen: { address: listen.host, port: listen.port },
    target: { service: target.service, namespace: target.namespace ?? namespace, port },
  }));
  // Before what else keeps tunnels ready: where endpoints are replaced, this makes room for them.
  parts.own(warmUpstreams(upstreams, connector));
  const serveRouted = openRoutes({ workload, runtime, connector, registry, tracer }, parts);
  const carrying = { connector, trustDomain, metrics, network, clock, logger, mayLog, guard };
  for (const upstream of upstreams) {
    const { service, namespace: of, port } = upstream.target;
    const about = { kind: 'upstream', target: `${service}.${of}:${port}` };
    parts.listener(await listenUpstream(upstream, { ...carrying, serveRouted }), about);
  }
  let missing: MissingUpstreams | undefined;
  return {
    connector,
    serveRouted,
    watchMissing() {
      missing = parts.own(watchMissingUpstreams({ upstreams, view, logger }));
    },
    missing: () => missing?.list() ?? [],
  };
}
