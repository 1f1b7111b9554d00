import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { Network } from '../../common/network/network.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { createExposure, type ResolveExposure } from './exposure.ts';
import { createOwnAddresses, type OwnAddresses } from './own-addresses.ts';

/**
 * What connections are carried for: an application, as the mesh knows it. A process has one, and nothing
 * of it belongs to the process: two can stand side by side.
 */
export interface Workload {
  /** Who it is: the destination, as policy sees it. */
  readonly id: SpiffeId;
  /** What it proves that with, at the moment. */
  readonly identity: IdentitySource;
  /** Where it is. */
  readonly addresses: OwnAddresses;
  /** What peers may reach of it. */
  readonly exposure: ResolveExposure;
  /** The ports of its own listeners: never served to peers, never called through itself. */
  readonly ownPorts: Set<number>;
  /** Who may call it, and whom it may call. */
  readonly policies: PolicySource;
  /** Counts what it does. */
  readonly metrics: ProxyMetrics;
  /** Makes its sockets. */
  readonly network: Network;
}

/** What a workload is made from. */
export interface WorkloadOptions extends Pick<
  Workload,
  'identity' | 'policies' | 'metrics' | 'network'
> {
  readonly config: Pick<
    ProxyConfig,
    'advertise' | 'expose' | 'excludePort' | 'transparent' | 'inboundListen' | 'outboundListen'
  >;
  /** Ports that are its own already. */
  readonly ownPorts: Iterable<number>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Creates a workload without listeners. */
export function createWorkload({ config, clock, logger, ...given }: WorkloadOptions): Workload {
  const { expose, transparent, inboundListen, outboundListen } = config;
  const addresses = createOwnAddresses({ clock, logger, advertised: config.advertise?.address });
  const ownPorts = new Set(given.ownPorts);
  // They are opened later, and peers may be here before.
  if (transparent) ownPorts.add(outboundListen.port).add(inboundListen.port);
  const excluded = new Set(config.excludePort);
  const exposure = createExposure({
    ports: expose.map(({ port, target }) => ({
      port,
      target: { address: target.host, port: target.port },
    })),
    anyPort: transparent,
    isReserved: (port) => ownPorts.has(port) || excluded.has(port),
    localFor: (address) => addresses.localFor(address),
  });
  return { ...given, id: given.identity.current().spiffeId, addresses, ownPorts, exposure };
}
