import type { Registry as MetricsRegistry } from 'prom-client';
import type { WallClock } from '../../../common/clock.ts';
import type { GrpcListener } from '../../api/grpc-listener.ts';
import type { SyncHub } from '../../api/sync/hub.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { RootRotation } from '../../ca/rotation/root-rotation.ts';
import { registerControlPlaneGauges } from '../../metrics.ts';
import type { MeshConfigStore } from '../../policy/mesh-config-store.ts';
import { countLost } from '../../registry/lost-sidecars.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import type { Registry } from '../../registry/registry.ts';
import { countTokens, type Tokens } from '../../tokens/tokens.ts';
import { countAddresses } from '../addresses.ts';

/** What is looked at when metrics are asked for. */
export interface GaugeSources {
  readonly ca: Pick<CertificateAuthority, 'current' | 'issuerNotAfterMs'>;
  readonly configs: Pick<MeshConfigStore, 'current'>;
  readonly configFile: { readonly valid: boolean } | undefined;
  readonly hub: Pick<SyncHub, 'universalCount' | 'scopeCount'>;
  readonly listener: Pick<GrpcListener, 'connections'>;
  readonly registry: Pick<Registry, 'connected' | 'damped' | 'list'>;
  readonly rotation: Pick<RootRotation, 'status'>;
  readonly tokens: Pick<Tokens, 'list'>;
  readonly view: Pick<MeshView, 'endpoints' | 'version'>;
  readonly clock: WallClock;
}

/** Registers what is looked up at a scrape. */
export function registerGauges(metricsRegistry: MetricsRegistry, sources: GaugeSources): void {
  const { ca, configs, configFile, hub, listener, registry, rotation, tokens, view } = sources;
  const addresses = () => countAddresses(view.endpoints.values());
  const lost = () => countLost(registry.list());
  registerControlPlaneGauges(metricsRegistry, {
    tokens: async () => countTokens(await tokens.list(), sources.clock.epochMs()),
    rotationPhase: () => rotation.status()?.rotation.phase ?? 'stable',
    numbers: {
      hauberk_sidecars_connected: () => registry.connected,
      hauberk_sync_streams_of_everything: () => hub.universalCount,
      hauberk_sync_scopes: () => hub.scopeCount,
      hauberk_grpc_connections_open: () => listener.connections,
      hauberk_view_version: () => view.version,
      hauberk_endpoints_damped: () => registry.damped,
      hauberk_addresses_unproven: () => addresses().unproven,
      hauberk_address_conflicts: () => addresses().conflicts,
      hauberk_mesh_config_version: () => configs.current().version,
      hauberk_mesh_config_valid: () => ((configFile?.valid ?? true) ? 1 : 0),
      hauberk_issuer_not_after_timestamp_seconds: () => ca.issuerNotAfterMs() / 1000,
      hauberk_root_not_after_timestamp_seconds: () =>
        ca.current().root.certificate.validToDate.getTime() / 1000,
      hauberk_sidecars_lost: () => lost().sidecars,
      hauberk_services_lost: () => lost().services,
      hauberk_root_rotation_waiting: () => rotation.status()?.progress.blockers.length ?? 0,
    },
  });
}
