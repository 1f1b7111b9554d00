import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { sleep, type Clock } from '../../common/clock.ts';
import { guardedClock, type CountingGuard } from '../../common/guard.ts';
import { registerInternalErrors } from '../../common/metrics/internal-errors.ts';
import { localPolicy } from '../../common/authorization/local-policy.ts';
import type { Closeable, DrainOutcome } from '../../common/lifecycle.ts';
import { HOST_NETWORK } from '../../common/network/network.ts';
import { registerProcessMetrics } from '../../common/metrics/process-metrics.ts';
import {
  startTelemetryServer,
  type TelemetryServer,
} from '../../common/metrics/telemetry-server.ts';
import { openControlPlaneTargets } from '../../common/rpc/control-plane-targets.ts';
import { settleWhenQuiet } from '../../common/process/settle.ts';
import { spiffeId, type SpiffeId } from '../../common/pki/spiffe-id.ts';
import { SOFTWARE_VERSION } from '../../common/process/version.ts';
import { certificateGauge, viewGauge } from '../admin/gauges.ts';
import { createReadiness, type Readiness } from '../admin/readiness.ts';
import { sidecarReport } from '../discovery/report.ts';
import { localAllowances, type ProxyConfig } from '../config/sidecar.ts';
import { logOwnConflicts } from '../discovery/own-conflicts.ts';
import { openSavedView } from '../discovery/saved-view.ts';
import { addressesAmong, FollowedAddresses } from '../discovery/interest/followed-addresses.ts';
import { Interest } from '../discovery/interest/interest.ts';
import { MeshNeeds } from '../discovery/interest/mesh-needs.ts';
import { rememberDeparted } from '../discovery/departed.ts';
import { createMeshView } from '../discovery/mutable-view.ts';
import { createSyncClient, type SyncClient } from '../discovery/sync/client.ts';
import { createIdentityManager } from '../identity/manager.ts';
import { withRevocations } from '../identity/revoking-source.ts';
import { createSkewWatch, createWholeSeconds } from '../identity/skew.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { TokenSource } from '../identity/token-source.ts';
import { KNOWN_SERIES } from './known-series.ts';
import { createMetrics } from './metrics.ts';
import { createNeeds, knowServices } from './needs.ts';
import { createPolicySource } from '../policy/policy-source.ts';
import { createWorkload, type Workload } from '../workload/workload.ts';
import { openDataPath, type DataPath, type DataPathOptions } from './data-path.ts';
import type { GatewayProgram } from './gateway-program.ts';
import { Answerer } from '../questions/answerer.ts';
import { reachPeers } from '../questions/reach-peers.ts';
import { sidecarState, type CarrierState } from '../questions/sidecar-state.ts';
import { createDial } from '../tunnel/dial.ts';
import { TUNNEL_MEMORY } from '../tunnel/tunnel-memory.ts';
import { TrafficReporter } from '../traffic/reporter.ts';
import { Tap } from '../traffic/tap.ts';
import type { AdvertisedAddresses, SyncClientSettings } from '../discovery/sync/settings.ts';

/** What a sidecar is made from. */
export interface ProxyDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whatever is not awaited runs under it. */
  readonly guard: CountingGuard;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Ends the wait for a control plane that does not answer. */
  readonly signal: AbortSignal;
  /** Makes it a gateway, which has listeners to the outside and none for peers. */
  readonly gateway?: GatewayProgram;
}

/** A sidecar that is ready. */
export interface Proxy {
  /** Aborted, with the error for a reason, when it cannot go on. */
  readonly failed: AbortSignal;
  /**
   * Not ready, nothing new, then waits for open connections as long as the settings say, ends what
   * is left, and releases everything.
   *
   * @param forced ends the wait when it is aborted
   */
  drainAndClose(forced: AbortSignal): Promise<void>;
}

/**
 * Starts a sidecar and resolves when it is ready: it has a certificate and listens.
 *
 * Throws ListenError when a port cannot be opened, IdentityError, RpcError or JoinTokenError when
 * there is no certificate to be had.
 */
export async function startProxy(
  { tokens, ...config }: ProxyConfig & { readonly tokens: TokenSource | undefined },
  given: ProxyDependencies,
): Promise<Proxy> {
  const { logger, guard, random, signal } = given;
  const clock = guardedClock(given.clock, guard);
  const { namespace, service, trustDomain } = config;
  const self = spiffeId({ trustDomain, namespace, service });
  // Whatever has been opened when something fails is closed again, in reverse order.
  await using opened = new AsyncDisposableStack();
  const adopt = <Part extends Closeable>(part: Part): Part =>
    opened.adopt(part, () => part.close());

  const registry = new Registry();
  registerProcessMetrics(registry);
  registerInternalErrors(registry, guard);
  const tap = new Tap({ self, clock });
  const counting = { registry, config, clock, logger, guard, tap };
  const metrics = createMetrics({ ...counting, known: KNOWN_SERIES });
  const readiness = createReadiness(clock);
  // A request before it is there is answered for this process only.
  const carrier: { path?: DataPath } = {};
  const telemetry = adopt(
    await startTelemetryServer({
      ...config.metricsListen,
      registry,
      scrape: () => carrier.path?.workers?.scrape(registry) ?? registry.metrics(),
      logger,
      clock,
      name: 'metrics',
      health: () => ({ ok: true, reasons: [] }),
      ready: () => readiness.check(carrier.path?.workers?.problem()),
    }),
  );

  const { certificateLifetime } = config;
  const addresses = config.controlPlane;
  const connected: { sync?: Pick<SyncClient, 'openConnection'> } = {};
  const controlPlanes = adopt(await openControlPlaneTargets({ addresses, clock, random }));
  const identity = adopt(
    await createIdentityManager({
      clock,
      logger,
      random,
      signal,
      spiffeId: self,
      controlPlanes,
      openConnection: () => connected.sync?.openConnection,
      tokens,
      stateDirectory: config.stateDir,
      lifetimeMs: certificateLifetime === undefined ? undefined : certificateLifetime * 1000,
      metrics,
    }),
  );
  const allow = localAllowances(config);
  const policies = createPolicySource(self, localPolicy(allow));
  metrics.policy(() => policies.mesh?.configVersion ?? -1);
  // Before the listeners open: what was revoked in the last run stays refused, control plane or not.
  const view = createMeshView();
  const departed = adopt(rememberDeparted(view, clock));
  const interest = new Interest();
  const { transparent } = config;
  const upstreams = config.upstream.map((one) => ({
    ...one,
    namespace: one.namespace ?? namespace,
  }));
  const meshed = { interest, view, policies, clock, guard };
  const meshNeeds = adopt(new MeshNeeds({ ...meshed, self, transparent, upstreams }));
  const saved = await openSavedView({
    clock,
    logger,
    view,
    policies: meshNeeds,
    stateDirectory: config.stateDir,
    bundle: () => identity.source.current().bundle,
  });
  const source = adopt(withRevocations(identity.source, saved.revocations, saved.federation));
  readiness.watch(source, identity.revocation);
  const skew = createSkewWatch(logger, clock, source.current);
  const clockAhead = createWholeSeconds(() => -skew.skewMs());
  metrics.certificate(() => certificateGauge(source.current(), skew));
  const ownPorts = [telemetry.port];
  const forWorkload = { identity: source, policies, metrics, network: HOST_NETWORK };
  const workload = createWorkload({ ...forWorkload, config, ownPorts, clock, logger });
  const runtime = { clock, logger, guard, random, signal, memory: TUNNEL_MEMORY };
  const met = transparent ? addressesAmong(view.complete ?? []) : [];
  const followed = new FollowedAddresses(interest, clock, met);
  const needs = createNeeds({ interest, addresses: adopt(followed), view, clock });
  const shared = { workload, config, runtime, view, departed, needs, registry, tap };
  const carried = { ...shared, gateway: given.gateway };
  const path = adopt(await openCarrier(carried));
  carrier.path = path;
  const reporter = adopt(new TrafficReporter({ clock, logger, traffic: path.watched }));
  const startedMs = clock.monotonicMs();
  const { network } = workload;
  const dial = createDial({ identity: source, metrics, network, clock, logger });
  const peers = { view, dial, clock, random, instanceId: identity.instanceId };
  const listens = { kind: 'metrics', address: config.metricsListen.host, port: telemetry.port };
  const carrierState = async (): Promise<CarrierState> => {
    const state = await path.state();
    return { ...state, listeners: [...state.listeners, { ...listens, target: '' }] };
  };
  const believed = { config, allow, identity: source, view, policies, clock, startedMs };
  const answerer = new Answerer({
    clock,
    answers: {
      state: () => sidecarState({ ...believed, carrier: carrierState }),
      peers: () => reachPeers(peers),
    },
  });
  const sync = adopt(
    createSyncClient({
      clock,
      logger,
      random,
      identity: source,
      controlPlanes,
      instanceId: identity.instanceId,
      softwareVersion: SOFTWARE_VERSION,
      allow,
      metrics: metricsListener(telemetry),
      role: given.gateway === undefined ? 'sidecar' : 'gateway',
      hello: () => advertisedAddresses(workload, config, path.hbonePort),
      report: () => ({
        ...sidecarReport(source, path.traffic(), clock),
        clockAheadMs: clockAhead(),
      }),
      onBundle: (bundle) => identity.acceptBundle(bundle),
      onTaken: () => identity.revocation.accepted(),
      onServerTime: skew.told,
      onWatch: (watch, stream) => guard.promise('discovery', reporter.asked(watch, stream)),
      onQuestion: (question, stream) =>
        guard.promise('discovery', answerer.asked(question, stream)),
      onEnded: (error) => identity.refused(error),
      async inForce() {
        await meshNeeds.settled;
        await path.workers?.inForce();
      },
      interest,
      saved,
    }),
  );
  connected.sync = sync;
  const { instanceId } = identity;
  adopt(logOwnConflicts({ view, self, instanceId, clock, logger }));
  metrics.controlPlane(() => sync.connected);
  metrics.view(() => viewGauge(view, interest));

  // Ready means that peers can find us and we them; an unreachable control plane must not stop us.
  const first = sync.tried.then(() => knowServices({ interest, view, clock }));
  await Promise.race([first, sleep(clock, FIRST_SYNC_DEADLINE_MS, signal)]);
  await path.openRest();
  PROCESS_DESCRIPTORS.calibrate();
  readiness.listening();
  sayWhenReady(self, readiness, source, logger);
  adopt(settleWhenQuiet({ clock, done: () => path.traffic() }));
  const parts = opened.move();
  return {
    failed: path.workers?.failed ?? NEVER,
    async drainAndClose(forced) {
      readiness.draining();
      await sync.goodbye();
      const deadlineMs = config.drainTimeout * 1000;
      const outcome = await path.drain({ clock, deadlineMs, forced });
      logger.info({ event: 'drained', outcome }, DRAIN_SENTENCES[outcome]);
      await parts.disposeAsync();
    },
  };
}

/** Says that it is ready, as soon as it is: a certificate that was revoked meanwhile is of no use. */
function sayWhenReady(
  self: SpiffeId,
  readiness: Readiness,
  source: IdentitySource,
  logger: Logger,
): void {
  const say = (): boolean => {
    const { ok } = readiness.check();
    if (ok) logger.info({ event: 'ready', spiffeId: self.uri }, `${self.uri} is ready`);
    return ok;
  };
  if (say()) return;
  const reasons = readiness.check().reasons.join('; ');
  logger.warn({ event: 'not-ready', spiffeId: self.uri }, `${self.uri} is not ready: ${reasons}`);
  const stop = source.onChange(() => {
    if (say()) stop();
  });
}

/** Most carry everything themselves; the others need none of this process's listeners and tunnels. */
async function openCarrier(options: DataPathOptions): Promise<DataPath> {
  if (options.config.workers === 1) return await openDataPath(options);
  const { openWorkers } = await import('./workers.ts');
  return await openWorkers(options);
}

/** What ends only when it is asked to. */
const NEVER = new AbortController().signal;

/** An answer takes milliseconds; a control plane that swallows packets is not waited for. */
const FIRST_SYNC_DEADLINE_MS = 3_000;

const DRAIN_SENTENCES: Readonly<Record<DrainOutcome, string>> = {
  idle: 'all connections had ended',
  forced: 'connections that were still open were reset',
};

/**
 * The addresses and ports at which peers reach this sidecar now. One that intercepts transparently is called by address, so it
 * tells all that other hosts can mean; behind a NAT that changes the port they would not lead here.
 */
function advertisedAddresses(
  { addresses }: Workload,
  config: Pick<ProxyConfig, 'advertise' | 'transparent' | 'expose'>,
  hbonePort: number,
): AdvertisedAddresses {
  const { advertise, transparent } = config;
  const port = advertise?.port ?? hbonePort;
  const preferred = advertise === undefined ? [] : [advertise.address];
  const others = transparent && port === hbonePort ? addresses.reachable() : [];
  return {
    addresses: [...new Set([...preferred, ...others])],
    hbonePort: port,
    ports: config.expose.map((exposed) => exposed.port),
    anyPort: transparent,
  };
}

/** As the control plane is told of it: a listener on every address is wherever the sidecar is. */
function metricsListener({ address, port }: TelemetryServer): SyncClientSettings['metrics'] {
  const isEverywhere = address === '0.0.0.0' || address === '::';
  return { address: isEverywhere ? '' : address, port };
}
