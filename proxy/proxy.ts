import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { sleep, type Clock } from '../common/clock.ts';
import { drain, type Closeable, type DrainOutcome } from '../common/lifecycle.ts';
import { registerProcessMetrics } from '../common/metrics/process-metrics.ts';
import { startTelemetryServer } from '../common/metrics/telemetry-server.ts';
import { spiffeId } from '../common/pki/spiffe-id.ts';
import { SOFTWARE_VERSION } from '../common/version.ts';
import { certificateGauge, viewGauge } from './admin/gauges.ts';
import { createReadiness } from './admin/readiness.ts';
import { sidecarReport } from './admin/report.ts';
import type { ProxyConfig } from './config.ts';
import { rememberDeparted } from './discovery/departed.ts';
import { openSavedView } from './discovery/saved-view.ts';
import { createSyncClient } from './discovery/sync-client.ts';
import { createIdentityManager } from './identity/manager.ts';
import { withRevocations } from './identity/revoking-source.ts';
import type { TokenSource } from './identity/token-source.ts';
import { PlaintextFlows } from './interception/plaintext-flows.ts';
import { createProxyMetrics } from './metrics.ts';
import { localPolicy } from './policy/local-policy.ts';
import { createPolicySource } from './policy/policy-source.ts';
import { createOwnAddresses } from './own-addresses.ts';
import { openCapture, type Capture, type CaptureOptions } from './proxy-capture.ts';
import { openInbound } from './proxy-inbound.ts';
import type { Edge, OpenEdge } from './proxy-edge.ts';
import { openEgress } from './proxy-egress.ts';
import { openOutbound } from './proxy-outbound.ts';
import { placeOf } from './proxy-place.ts';
import type { Room } from './proxy-room.ts';
import { TUNNEL_MEMORY } from './tunnel/tunnel-memory.ts';

/** What a sidecar is made from. */
export interface ProxyDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Ends the wait for a control plane that does not answer. */
  readonly signal: AbortSignal;
  /** Makes it a gateway, which has doors to the outside and none for peers. */
  readonly openEdge?: OpenEdge;
}

/** A sidecar that is ready. */
export interface Proxy {
  /**
   * Not ready, nothing new, then waits for open connections as long as the settings say, ends what
   * is left, and lets go of everything.
   *
   * @param hurried ends the wait when it is aborted
   */
  drainAndClose(hurried: AbortSignal): Promise<void>;
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
  const telemetry = own(
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
  const policies = createPolicySource(self, localPolicy(config));
  metrics.policy(() => policies.mesh?.configVersion ?? -1);
  // Before the door opens: who was revoked in the last run stays out, control plane or not.
  const saved = await openSavedView({
    ...dependencies,
    policies,
    stateDirectory: config.stateDir,
    bundle: () => identity.source.current().bundle,
  });
  const source = own(withRevocations(identity.source, saved.revocations));
  readiness.watch(source);
  metrics.certificate(() => certificateGauge(source.current()));
  const addresses = createOwnAddresses({ clock, advertised: config.advertise?.address });
  const ownPorts = new Set([telemetry.port]);
  const shared = { ...dependencies, config, self, source, metrics };
  const room: Room = { ...shared, addresses, ownPorts, policies };

  const { openEdge } = dependencies;
  const inbound = openEdge === undefined ? own(await openInbound(room)) : undefined;
  const flows = new PlaintextFlows();
  const sync = own(
    createSyncClient({
      ...dependencies,
      identity: source,
      controlPlane: config.controlPlane,
      instanceId: identity.instanceId,
      softwareVersion: SOFTWARE_VERSION,
      hello: () => placeOf(room, inbound?.port ?? CALLS_ONLY),
      report: () => sidecarReport(source, metrics, flows),
      onBundle: (bundle) => identity.acceptBundle(bundle),
      saved,
    }),
  );
  const departed = own(rememberDeparted(sync.view, clock));
  metrics.controlPlane(() => sync.connected);
  metrics.view(() => viewGauge(sync.view));
  metrics.buffered(() => TUNNEL_MEMORY.totalBytes);
  const outbound = own(await openOutbound(room, sync.view));
  const egress = own(await openEgress(room));

  // Ready means that peers can find us and we them; a control plane that is away must not stop us.
  await Promise.race([sync.tried, sleep(clock, FIRST_SYNC_DEADLINE_MS, signal)]);
  const capture = config.transparent
    ? own(await captureTraffic(room, { connector: outbound.connector, departed, flows }))
    : undefined;
  const edge: Edge | undefined =
    openEdge === undefined
      ? undefined
      : own(await openEdge({ room, connector: outbound.connector, registry }));
  readiness.listening();
  logger.info({ event: 'ready', spiffeId: self.uri }, `${self.uri} is ready`);
  const parts = opened.move();
  return {
    async drainAndClose(hurried) {
      readiness.draining();
      await sync.goodbye();
      const deadlineMs = config.drainSeconds * 1000;
      const listeners = [outbound, egress, capture].flatMap((part) => part?.listeners ?? []);
      const doors = [...listeners, inbound, edge];
      const drained = doors
        .filter((door) => door !== undefined)
        .map((door) => drain(door, { clock, deadlineMs, hurried }));
      const outcome = (await Promise.all(drained)).includes('forced') ? 'forced' : 'idle';
      logger.info({ event: 'drained', outcome }, DRAIN_SENTENCES[outcome]);
      await parts.disposeAsync();
    },
  };
}

/**
 * Not before we had a chance to know the mesh, and the mesh to know us: until then the system refuses
 * what the rules redirect, and so nobody speaks to a member in plaintext, taking it for a stranger.
 */
async function captureTraffic(room: Room, options: CaptureOptions): Promise<Capture> {
  await sleep(room.clock, PEERS_LEARN_MS, room.signal);
  return await openCapture(room, options);
}

/** The port for peers of a member that has none. */
const CALLS_ONLY = 0;

/** The control plane tells peers of us within 50 ms. */
const PEERS_LEARN_MS = 500;

/** An answer takes milliseconds; a control plane that swallows packets is not waited for. */
const FIRST_SYNC_DEADLINE_MS = 3_000;

const DRAIN_SENTENCES: Readonly<Record<DrainOutcome, string>> = {
  idle: 'all connections had ended',
  forced: 'connections that were still open were reset',
};
