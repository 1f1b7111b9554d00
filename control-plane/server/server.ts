import { Registry as MetricsRegistry } from 'prom-client';
import { SOFTWARE_VERSION } from '../../common/process/version.ts';
import { createSettledDate } from '../../common/dates.ts';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import type { UnlockKey } from '../../common/config/unlock-key.ts';
import { drain } from '../../common/lifecycle.ts';
import { guardedClock } from '../../common/guard.ts';
import { registerInternalErrors } from '../../common/metrics/internal-errors.ts';
import { registerProcessMetrics } from '../../common/metrics/process-metrics.ts';
import { createAdminHandlers } from '../api/admin/admin.ts';
import { createCallerLimits } from '../api/caller-limits.ts';
import { openGrpcListener } from '../api/grpc-listener.ts';
import { createIssueHandler } from '../api/issue.ts';
import { serviceRegistrar } from '../api/services.ts';
import { createOperatorStreams } from '../api/admin/operator-streams.ts';
import { createAdmission } from '../api/sync/admission.ts';
import { createSyncHub } from '../api/sync/hub.ts';
import { SyncLag } from '../api/sync/lag.ts';
import { createRefusedCalls } from '../api/refused-calls.ts';
import { createSyncHandler } from '../api/sync/sync.ts';
import { tokenRootsOf } from '../ca/authorities/authorities.ts';
import { followAuthorities } from '../ca/authorities/follow-authorities.ts';
import { openAuthoritySource } from '../ca/authorities/source.ts';
import { openCertificateAuthority } from '../ca/certificate-authority.ts';
import { openRootRotation } from '../ca/rotation/root-rotation.ts';
import { createAddedRoots } from '../ca/authorities/added-roots.ts';
import { createIssuerRequests } from '../ca/upstream/issuer-request.ts';
import {
  followUpstreamIssuer,
  readUpstreamIssuer,
  upstreamPaths,
} from '../ca/upstream/upstream-files.ts';
import { EventLog } from '../dashboard/events/event-log.ts';
import { openFederations } from '../federation/federations.ts';
import { fetchBundle } from '../federation/fetch-bundle.ts';
import { encodeBackup } from '../keys/backup-file.ts';
import { openIssuanceLog } from '../ca/issuance/log.ts';
import { readVault } from '../keys/vault.ts';
import { fencedStore } from '../leader/fenced-store.ts';
import { openControlPlanes } from '../leader/control-planes.ts';
import { openLeader } from '../leader/leader.ts';
import { makeControlPlaneId } from '../leader/control-plane-id.ts';
import { serveBundle } from './endpoints/bundle-endpoint.ts';
import { announcedAddresses, announcedMetrics, reachable } from './announced-addresses.ts';
import { createDashboardSignIn, serveDashboard } from './endpoints/dashboard.ts';
import { registerGauges } from './metrics/gauges.ts';
import { startAtZero } from './metrics/known-series.ts';
import { countingLogger } from './metrics/log-counters.ts';
import { startMaintenance } from './maintenance.ts';
import { createReadiness } from './readiness.ts';
import { warnOfRestore } from './restore.ts';
import { continueWithoutStore } from './without-store.ts';
import { followRootChanges } from './root-changes.ts';
import type { ControlPlane, ControlPlaneDependencies, Settings } from './control-plane.ts';
import { settleControlPlane } from './settle.ts';
import { serveTelemetry } from './endpoints/telemetry.ts';
import { followMigration } from './storage/migrate/follow-migration.ts';
import { openStorage } from './storage/open-storage.ts';
import { unlockStore } from './storage/unlock-store.ts';
import { createControlPlaneMetrics } from '../metrics.ts';
import { keepAdminFile, openServerCertificate } from '../ca/own/certificates.ts';
import { openOperatorUses, pruneOperatorUses } from '../operators/operator-uses.ts';
import { followConfigFile } from '../policy/config-file.ts';
import type { FollowedFile } from '../../common/files/followed-file.ts';
import { openMeshConfigStore } from '../policy/mesh-config-store.ts';
import { createCatchUp } from '../registry/catch-up.ts';
import { openMeshView } from '../registry/mesh-view.ts';
import { isCertificateRevoked, toSidecarState } from '../registry/rotation-state.ts';
import { proveAddresses } from './addresses.ts';
import { askEverywhere, askHere } from './asked-sidecars.ts';
import { openRegistry } from '../registry/registry.ts';
import { openSightings, SIGHTINGS_DELAY_MS } from '../registry/sightings.ts';
import { createRevocations } from '../revocation/revocations.ts';
import { watchWrites } from '../store/writable-store.ts';
import { createTokens } from '../tokens/tokens.ts';
import { keepTokenFiles } from '../tokens/token-files.ts';
import type { TokenRoots } from '../tokens/redemption.ts';
import { createKeyedMutex } from '../keyed-mutex.ts';

/**
 * Starts a control plane: takes up what is in the data directory, or makes it, and serves.
 *
 * @param unlockKey for keys that are encrypted; those that are not are encrypted with it
 * @throws KeysError `keys-locked`, `unlock-key-wrong`; StoreError, CaError, ConfigError, ListenError; nothing is left open then
 */
export async function startControlPlane(
  settings: Settings,
  given: ControlPlaneDependencies,
  unlockKey?: UnlockKey,
): Promise<ControlPlane> {
  const { guard } = given;
  const clock = guardedClock(given.clock, guard);
  const events = new EventLog(clock);
  const metricsRegistry = new MetricsRegistry();
  registerProcessMetrics(metricsRegistry);
  registerInternalErrors(metricsRegistry, guard);
  const metrics = createControlPlaneMetrics(metricsRegistry);
  startAtZero(metrics);
  const logger = countingLogger(events.recording(given.logger), metrics);
  await using parts = new AsyncDisposableStack();
  const use = <T extends { close(): void | Promise<void> }>(part: T): T =>
    parts.adopt(part, (opened) => opened.close());

  const { dataDir, trustDomain } = settings;
  const storage = use(await openStorage(settings, { clock, logger }, given.sharedStore));
  const plainStore = storage.store;
  const unlocked = use(await unlockStore(storage, unlockKey, () => given.onRekeyed?.()));
  const { dataKey } = unlocked;
  const writable = use(watchWrites(unlocked.store, { clock, logger, probe: storage.probe }));
  const { store } = writable;
  if (dataKey === undefined) {
    logger.warn(
      { event: 'keys-not-encrypted' },
      'the private keys of the mesh are not encrypted: every reader of the data directory has them; ' +
        'encrypt them with `hauberk ca rekey` or --unlock-key-file',
    );
  }
  await warnOfRestore(store, { clock, logger });
  const id = makeControlPlaneId();
  const { exclusive } = storage;
  const leader = use(await openLeader({ store, clock, logger, guard, id, exclusive }));
  const leading = fencedStore(store, leader);
  const source = { store, trustDomain, nowMs: clock.epochMs() };
  const upstream = upstreamPaths(settings);
  const first = await readUpstreamIssuer(upstream, source);
  const authorities = await openAuthoritySource({ ...source, first });
  use(await followAuthorities({ authorities, store, clock, logger, guard }));
  const followed: FollowedFile[] = [];
  if (upstream !== undefined) {
    const options = { authorities, trustDomain, clock, logger };
    followed.push(use(await followUpstreamIssuer(upstream, first, options)));
  }
  const ca = await openCertificateAuthority({ store, clock, logger, trustDomain, authorities });
  if (leader.isLeader) await ca.maintain(clock.epochMs(), leading);
  const renewAfterExpiryMs = settings.renewAfterExpiry * 1000;
  const issuanceLog = use(
    await openIssuanceLog({ store, leader, clock, logger, guard, renewAfterExpiryMs }),
  );
  const mutex = createKeyedMutex();
  const roots = (): TokenRoots => tokenRootsOf(ca.current());
  const tokens = createTokens({ store, clock, mutex, roots });
  const configs = use(await openMeshConfigStore({ store, mutex, clock, logger }));
  const configFile =
    settings.meshConfig === undefined
      ? undefined
      : use(await followConfigFile(settings.meshConfig, { configs, leader, clock, logger }));
  if (configFile !== undefined) followed.push(configFile);
  given.onReload?.(() => {
    for (const file of followed) guard.promise('files', file.reload());
  });
  const view = use(await openMeshView({ store, clock, logger }));
  const announced = { store, clock, logger, id, exclusive, softwareVersion: SOFTWARE_VERSION };
  const controlPlanes = use(await openControlPlanes(announced));
  const sightings = use(await openSightings({ store, clock, logger, guard, controlPlanes }));
  const registry = use(
    await openRegistry({ store, view, clock, logger, guard, mutex, controlPlanes, sightings }),
  );

  const rotation = use(
    await openRootRotation({
      authorities,
      store,
      leader,
      leading,
      trustDomain,
      clock,
      logger,
      sidecars: () => registry.list().map(toSidecarState),
      settleMs: () => (controlPlanes.count > 1 ? 3 * SIGHTINGS_DELAY_MS : 0),
      isRevoked: (certificate) => isCertificateRevoked(view.revocations(), certificate),
    }),
  );

  const revocations = createRevocations({ store, ca, tokens, clock, mutex });
  const limits = createCallerLimits(clock, controlPlanes);
  const refusedCalls = createRefusedCalls({ clock, logger, metrics });
  const room = { clock, logger, guard, metrics, limits, refusedCalls };
  const operatorUses = use(await openOperatorUses({ store, ...room }));
  const kept = { ca, store, writable, revocations, clock, logger };
  const withoutStore = use(await continueWithoutStore(settings, kept));
  const common = { ca, tokens, registry, configs, revocations, view, operatorUses, ...room };
  const federating = { ...common, trustDomain, store, leader, leading, mutex };
  const federations = use(await openFederations({ ...federating, fetch: fetchBundle }));
  const hub = use(createSyncHub({ view, clock, pushSeconds: metrics.pushSeconds }));
  const here = use(askHere(clock));
  const catchUp = createCatchUp({ store, view, clock });
  const admission = createAdmission({ clock, logger, metrics });
  const lag = new SyncLag(clock);
  const streams = { hub, catchUp, admission, lag, ...here };
  const sync = use(createSyncHandler({ ...common, ...streams, trustDomain }));
  const operatorStreams = use(createOperatorStreams({ ...common, trustDomain }));

  const fromFiles = upstream !== undefined;
  const issuerRequests = createIssuerRequests({ ...common, authorities, trustDomain, fromFiles });

  const certificate = await openServerCertificate(common);
  const admin = use(await keepAdminFile(dataDir, common));
  // Before a client can connect, so that a token which is refused is not in its file any more.
  const tokenFiles = use(await keepTokenFiles(settings.writeToken, common));
  let present = certificate.identity;
  const siblings = () => controlPlanes.list().slice(1);
  const identityNow = () => present;
  const asked = askEverywhere({ ...common, here, siblings, trustDomain, identity: identityNow });
  const signIn = createDashboardSignIn(clock);
  const adminHandlers = createAdminHandlers({
    ...common,
    rotation,
    issuerRequests,
    addedRoots: createAddedRoots({ ...common, authorities }),
    federations,
    controlPlanes,
    leader,
    ...asked,
    lag,
    operatorStreams,
    issuanceLog,
    keysEncrypted: dataKey !== undefined,
    configFile: configFile?.path,
    dashboard: signIn,
  });
  const listener = use(
    await openGrpcListener({
      ...settings.grpcListen,
      identity: certificate.identity,
      register: serviceRegistrar({
        issue: createIssueHandler({
          ...common,
          withoutStore,
          leafLifetimeMs: settings.certificateLifetime * 1000,
          renewAfterExpiryMs,
          operatorRenewalMs: settings.operatorRenewal * 1000,
        }),
        sync: sync.handle,
        admin: adminHandlers,
      }),
      clock,
      logger,
      guard,
      metrics,
    }),
  );
  const { identity } = certificate;
  const proving = use(proveAddresses({ ...common, identity }));
  const served = use(await serveBundle({ ...common, settings, identity }));
  const server = use(
    certificate.keepRenewed(async (next) => {
      present = next;
      await listener.reload(next);
      await served.reload(next);
      proving.reload(next);
    }),
  );
  const ownCertificates = [server, admin];
  use(followRootChanges({ authorities, ownCertificates, tokenFiles, listener }));
  // What is forgotten does not come back when a clock that was set forward is right again.
  const settled = use(createSettledDate(clock));
  use(
    startMaintenance(
      { clock, logger, guard, leader, leading },
      {
        authority: (through) => ca.maintain(settled.settledMs(), through),
        tokens: (through) => tokens.prune(settled.settledMs(), through),
        issuances: (through) => issuanceLog.prune(settled.settledMs(), through),
        revocations: (through) => revocations.prune(settled.settledMs(), through),
        sidecars: (through) => sightings.prune(through),
        operators: (through) => pruneOperatorUses({ ...common, uses: operatorUses }, through),
      },
    ),
  );
  registerGauges(metricsRegistry, {
    ...common,
    hub,
    rotation,
    listener,
    configFile,
  });

  let draining = false;
  const ready = createReadiness({ ca, writable, withoutStore, isDraining: () => draining });
  const http = use(
    await serveTelemetry({
      ...common,
      listen: settings.httpListen,
      metricsRegistry,
      trustDomain,
      ready,
      controlPlanes,
    }),
  );
  await controlPlanes.announce(() => ({
    metrics: announcedMetrics(settings, http.port),
    addresses: announcedAddresses(settings.advertise, {
      ...settings.grpcListen,
      port: listener.port,
    }),
    viewVersion: view.version,
    ...registry.acknowledged(),
  }));
  // Again: who moves the store writes that down first, and looks for control planes then.
  use(await followMigration(plainStore, (why) => given.onMoved?.(why)));
  const dashboard = use(
    await serveDashboard({
      ...common,
      settings,
      signIn,
      ...asked,
      events,
      actions: adminHandlers,
      trustDomain,
      controlPlanes,
    }),
  );
  PROCESS_DESCRIPTORS.calibrate();
  use(settleControlPlane({ clock, connected: () => registry.connected }));
  logger.info(
    { event: 'ready', trustDomain, adminFile: admin.path },
    `the operator's credential is ${admin.path}; make a join token with: hauberk token create ` +
      `--namespace NAMESPACE --control-plane ${reachable(settings.grpcListen.host, listener.port)} ` +
      `--admin ${admin.path}`,
  );

  const all = parts.move();
  return {
    grpcPort: listener.port,
    httpPort: http.port,
    bundlePort: served.port,
    dashboardPort: dashboard.port,
    adminFile: admin.path,
    async backup() {
      const wrapped = await readVault(plainStore);
      const snapshot = await storage.snapshot();
      const lock =
        dataKey === undefined || wrapped === undefined ? undefined : { dataKey, vault: wrapped };
      return encodeBackup(snapshot, clock.epochMs(), lock);
    },
    async drainAndClose(forced) {
      draining = true;
      // From now on a stream that ends says nothing about its sidecar.
      registry.close();
      sync.close();
      operatorStreams.close();
      const outcome = await drain(listener, {
        clock,
        deadlineMs: settings.drainTimeout * 1000,
        ...(forced === undefined ? {} : { forced }),
      });
      await all.disposeAsync();
      return outcome;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
