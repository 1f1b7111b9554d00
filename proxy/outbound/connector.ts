import type { Logger } from 'pino';
import { describeError } from '../../common/errors.ts';
import type { Endpoint, MeshView } from '../discovery/mesh-view.ts';
import { formatAuthority } from '../tunnel/authority.ts';
import { TunnelError } from '../tunnel/tunnel-error.ts';
import type { TunnelPool } from '../tunnel/tunnel-pool.ts';
import type { DialTarget, TunnelStream } from '../tunnel/tunnel.ts';
import { chooseEndpoint } from './balancer.ts';
import type { EndpointHealth } from './endpoint-health.ts';
import { OutboundError } from './outbound-error.ts';

/** A service of the mesh and one of its ports. */
export interface ServicePort {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/** A stream that a peer has accepted, and the endpoint that it leads to. */
export interface Connected {
  readonly stream: TunnelStream;
  readonly endpoint: Endpoint;
}

/** What finding a way to a service needs. */
export interface ConnectorDependencies {
  readonly view: MeshView;
  readonly pool: TunnelPool;
  readonly health: EndpointHealth;
  readonly logger: Logger;
  readonly random: () => number;
}

/**
 * More endpoints than this are not tried for one connection: a caller would rather hear of the
 * failure than wait for a whole fleet to time out.
 */
const MAX_ATTEMPTS = 4;

/**
 * Opens a stream to a service: the best endpoint first, then the next best, as long as failing has
 * cost no byte of the connection.
 *
 * Throws OutboundError `no-endpoint` when nobody serves the port, and otherwise the TunnelError of
 * the last endpoint that was tried.
 */
export async function connectToService(
  target: ServicePort,
  dependencies: ConnectorDependencies,
  signal: AbortSignal,
): Promise<Connected> {
  const { view, pool, health, random, logger } = dependencies;
  const tried = new Set<string>();
  let failure: TunnelError | undefined;
  while (tried.size < MAX_ATTEMPTS) {
    const endpoint = chooseEndpoint({
      endpoints: view
        .endpointsOf(target.namespace, target.service)
        .filter(({ instanceId, ports }) => ports.includes(target.port) && !tried.has(instanceId)),
      isHealthy: ({ instanceId }) => health.isHealthy(instanceId),
      load: (candidate) => pool.openStreams(dialTarget(candidate)),
      random,
    });
    if (endpoint === undefined) break;
    tried.add(endpoint.instanceId);
    const authority = formatAuthority({ address: endpoint.address, port: target.port });
    try {
      const { stream } = await pool.open(dialTarget(endpoint), authority, signal);
      health.succeeded(endpoint.instanceId);
      return { stream, endpoint };
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      failure = error;
      if (!isWorthAnotherTry(error)) break;
      if (blamesEndpoint(error)) health.failed(endpoint.instanceId);
      const { instanceId } = endpoint;
      const sentence = `${nameOf(target)} could not be reached at ${authority}: ${describeError(error)}`;
      logger.warn({ event: 'endpoint-failed', instanceId, reason: error.code }, sentence);
    }
  }
  throw failure ?? noEndpoint(target);
}

/** Where the pool dials for an endpoint, and who must answer there. */
export function dialTarget({ address, hbonePort, spiffeId }: Endpoint): DialTarget {
  return { address, port: hbonePort, expect: spiffeId };
}

/** A refusal by policy is the same everywhere; an aborted connection wants no other endpoint. */
function isWorthAnotherTry({ code }: TunnelError): boolean {
  return code !== 'denied' && code !== 'aborted';
}

/** An endpoint that answers correctly is healthy, even if our view of its ports is old. */
function blamesEndpoint({ code }: TunnelError): boolean {
  return code !== 'not-exposed';
}

function noEndpoint(target: ServicePort): OutboundError {
  return new OutboundError('no-endpoint', `no sidecar exposes ${nameOf(target)}`, {
    hint: `start a sidecar for it with --expose ${target.port}, and see \`hauberk status\``,
  });
}

function nameOf({ namespace, service, port }: ServicePort): string {
  return `${service}.${namespace}:${port}`;
}
