import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { sleep, type Clock } from '../common/clock.ts';
import { drain, type Closeable, type Drainable, type DrainOutcome } from '../common/lifecycle.ts';
import { registerProcessMetrics } from '../common/metrics/process-metrics.ts';
import { startTelemetryServer } from '../common/metrics/telemetry-server.ts';
import { spiffeId, type SpiffeId } from '../common/pki/spiffe-id.ts';
import { SOFTWARE_VERSION } from '../common/version.ts';
import { certificateGauge, viewGauge } from './admin/gauges.ts';
import { createReadiness } from './admin/readiness.ts';
import { sidecarReport } from './admin/report.ts';
import { callersByPort } from './policy/callers.ts';
import type { ProxyConfig } from './config.ts';
import type { MeshView } from './discovery/mesh-view.ts';
import { createSyncClient } from './discovery/sync-client.ts';
import { createIdentityManager } from './identity/manager.ts';
import type { IdentitySource } from './identity/source.ts';
import type { TokenSource } from './identity/token-source.ts';
import { createExposure } from './inbound/exposure.ts';
import { createInbound } from './inbound/inbound.ts';
import { createProxyMetrics, type ProxyMetrics } from './metrics.ts';
import { EndpointHealth } from './outbound/endpoint-health.ts';
import { listenUpstream, type UpstreamListener } from './outbound/upstream-listener.ts';
import { warmUpstreams } from './outbound/warm-upstreams.ts';
import { createOwnAddresses } from './own-addresses.ts';
import { createHttp2Dial } from './tunnel/http2-dial.ts';
import { listenHttp2 } from './tunnel/http2-listen.ts';
import { createTunnelPool } from './tunnel/tunnel-pool.ts';
import type { TunnelListener } from './tunnel/tunnel.ts';

/** What a sidecar is made from. */
export interface ProxyDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Ends the wait for a control plane that does not answer. */
  readonly signal: AbortSignal;
}

/** A sidecar that is ready. */
export interface Proxy {
  /**
   * Not ready, nothing new, then waits for open connections as long as the settings say, ends what
   * is left, and lets go of everything.
   */
  drainAndClose(): Promise<void>;
}

/**
 * Starts a sidecar and resolves when it is ready: it has a certificate and listens.
 *
 * Throws ListenError when a port cannot be opened, IdentityError, RpcError or JoinTokenError when
 * there is no certificate to be had.
 */
export async function startProxy(
  config: ProxyConfig & { readonly tokens: TokenSource | undefined },
  dependencies: ProxyDependencies,
): Promise<Proxy> {
  const { clock, logger, signal } = dependencies;
  const { namespace, service, trustDomain } = config;
  const self = spiffeId({ trustDomain, namespace, service });
  // Whatever has been opened when something fails is closed again, in reverse order.
  await using opened = new AsyncDisposableStack();
  const own = <Part extends Closeable>(part: Part): Part => opened.adopt(part, () => part.close());

  const registry = new Registry();
  registerProcessMetrics(registry, { version: SOFTWARE_VERSION });
  const metrics = createProxyMetrics(registry);
  const readiness = createReadiness(clock);
  own(
    await startTelemetryServer({
      ...config.metricsListen,
      registry,
      logger,
      clock,
      name: 'metrics',
      health: () => ({ ok: true, reasons: [] }),
      ready: () => readiness.check(),
    }),
  );

  const { certificateLifetime } = config;
  const identity = own(
    await createIdentityManager({
      ...dependencies,
      spiffeId: self,
      controlPlane: config.controlPlane,
      tokens: config.tokens,
      stateDirectory: config.stateDir,
      lifetimeMs: certificateLifetime === undefined ? undefined : certificateLifetime * 1000,
      metrics,
    }),
  );
  const { source } = identity;
  readiness.watch(source);
  metrics.certificate(() => certificateGauge(source.current()));
  const room: Room = { ...dependencies, config, self, source, metrics };

  const inbound = own(await openInbound(room));
  const sync = own(
    await createSyncClient({
      ...dependencies,
      identity: source,
      controlPlane: config.controlPlane,
      instanceId: identity.instanceId,
      softwareVersion: SOFTWARE_VERSION,
      hello: () => ({
        addresses: config.advertise === undefined ? [] : [config.advertise.address],
        hbonePort: config.advertise?.port ?? inbound.port,
        ports: config.expose.map(({ port }) => port),
        anyPort: false,
      }),
      report: () => sidecarReport(source, metrics),
      onBundle: (bundle) => identity.acceptBundle(bundle),
      stateDirectory: config.stateDir,
    }),
  );
  metrics.controlPlane(() => sync.connected);
  metrics.view(() => viewGauge(sync.view));
  const outbound = own(await openOutbound(room, sync.view));

  // Ready means that peers can find us and we them; a control plane that is away must not stop us.
  await Promise.race([sync.tried, sleep(clock, FIRST_SYNC_DEADLINE_MS, signal)]);
  readiness.listening();
  logger.info({ event: 'ready', spiffeId: self.uri }, `${self.uri} is ready`);
  const parts = opened.move();
  return {
    async drainAndClose() {
      readiness.draining();
      await sync.goodbye();
      const deadlineMs = config.drainSeconds * 1000;
      const drained = [...outbound.listeners, inbound].map((part) =>
        drain(part, { clock, deadlineMs }),
      );
      const outcome = (await Promise.all(drained)).includes('forced') ? 'forced' : 'idle';
      logger.info({ event: 'drained', outcome }, DRAIN_SENTENCES[outcome]);
      await parts.disposeAsync();
    },
  };
}

/** An answer takes milliseconds; a control plane that swallows packets is not waited for. */
const FIRST_SYNC_DEADLINE_MS = 3_000;

const DRAIN_SENTENCES: Readonly<Record<DrainOutcome, string>> = {
  idle: 'all connections had ended',
  forced: 'connections that were still open at the deadline were reset',
};

/** What both directions of traffic need. */
interface Room extends ProxyDependencies {
  readonly config: ProxyConfig;
  readonly self: SpiffeId;
  readonly source: IdentitySource;
  readonly metrics: ProxyMetrics;
}

/** Opens the door for peers. */
function openInbound(room: Room): Promise<TunnelListener> {
  const { config, self, source, ...dependencies } = room;
  const ports = config.expose.map(({ port, target }) => ({
    port,
    target: { address: target.host, port: target.port },
  }));
  const own = createOwnAddresses({
    clock: dependencies.clock,
    advertised: config.advertise?.address,
  });
  const resolveExposure = createExposure({
    ports,
    anyPort: false,
    isReserved: () => false,
    localFor: (address) => own.localFor(address),
  });
  return listenHttp2(
    { ...dependencies, ...config.hboneListen, identity: source },
    createInbound({ ...dependencies, self, callers: callersByPort(config), resolveExposure }),
  );
}

/** Opens the doors for the application, and a tunnel to each peer that it will call. */
async function openOutbound(
  room: Room,
  view: MeshView,
): Promise<Closeable & { readonly listeners: readonly Drainable[] }> {
  const { config, source, metrics, ...dependencies } = room;
  const dial = createHttp2Dial({ ...dependencies, identity: source, metrics });
  await using opened = new AsyncDisposableStack();
  const own = <Part extends Closeable>(part: Part): Part => opened.adopt(part, () => part.close());
  const pool = own(createTunnelPool({ ...dependencies, dial, identity: source }));
  const health = new EndpointHealth(dependencies);
  const { trustDomain, namespace } = config;
  const upstreams = config.upstream.map(({ listen, port, ...target }) => ({
    listen: { address: listen.host, port: listen.port },
    target: { service: target.service, namespace: target.namespace ?? namespace, port },
  }));
  const listeners: UpstreamListener[] = [];
  for (const upstream of upstreams) {
    const shared = { ...dependencies, view, pool, health, metrics, trustDomain };
    listeners.push(own(await listenUpstream(upstream, shared)));
  }
  own(warmUpstreams(upstreams, { view, pool, health }));
  const parts = opened.move();
  return { listeners, close: () => parts.disposeAsync() };
}
