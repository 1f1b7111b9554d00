import { networkInterfaces } from 'node:os';
import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import { canonicalAddress } from '../../../common/network/ip-address.ts';
import {
  type Health,
  startTelemetryServer,
  type TelemetryRoute,
  type TelemetryServer,
} from '../../../common/metrics/telemetry-server.ts';
import type { HostPort } from '../../../common/config/address.ts';
import type { ControlPlanes } from '../../leader/control-planes.ts';
import { findTargets } from '../../prometheus/targets.ts';
import { isOverLoopback } from '../../registry/addresses/host-addresses.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import type { Registry } from '../../registry/registry.ts';

/** Where Prometheus asks what there is to scrape. */
const TARGETS_PATH = '/prometheus/targets';

/** What serving metrics, health and targets takes. */
export interface TelemetryOptions {
  readonly listen: HostPort;
  readonly metricsRegistry: MetricsRegistry;
  readonly ready: () => Health;
  readonly trustDomain: string;
  readonly registry: Pick<Registry, 'list'>;
  readonly view: Pick<MeshView, 'endpoints'>;
  readonly controlPlanes: Pick<ControlPlanes, 'id' | 'list'>;
  readonly logger: Logger;
}

/** Serves metrics, health, and what Prometheus finds its targets with. @throws ListenError */
export async function serveTelemetry(options: TelemetryOptions): Promise<TelemetryServer> {
  const { listen, metricsRegistry, logger, ready } = options;
  return await startTelemetryServer({
    ...listen,
    name: 'http',
    registry: metricsRegistry,
    logger,
    health: () => ({ ok: true, reasons: [] }),
    ready,
    routes: { [TARGETS_PATH]: targetsRoute(options) },
  });
}

function targetsRoute({
  trustDomain,
  registry,
  view,
  controlPlanes,
}: TelemetryOptions): TelemetryRoute {
  return (request, response) => {
    const ownAddresses = hostAddresses();
    const groups = findTargets({
      trustDomain,
      id: controlPlanes.id,
      controlPlanes: controlPlanes.list(),
      sidecars: registry.list(),
      proven: ({ record }) =>
        view.endpoints.get(record.instanceId)?.proven ??
        (record.proofs ?? []).map(({ address }) => address),
      isOwn: (address) => ownAddresses.has(address),
      isLocal: isOverLoopback(request.socket.remoteAddress ?? ''),
    });
    // Prometheus takes nothing else.
    response.setHeader('content-type', 'application/json');
    response.setHeader('cache-control', 'no-store');
    response.end(`${JSON.stringify(groups)}\n`);
  };
}

function hostAddresses(): ReadonlySet<string> {
  try {
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    return new Set(all.map(({ address }) => canonicalAddress(address) ?? address));
  } catch {
    // Without a descriptor to ask with.
    return new Set();
  }
}
