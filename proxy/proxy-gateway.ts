import { createRateLimit } from '../common/rate-limit.ts';
import { spiffeId } from '../common/pki/spiffe-id.ts';
import { openOutsideForProgram } from './egress/open-for-program.ts';
import type { EgressCut } from './egress/policy-at.ts';
import { openGateway } from './gateway/gateway.ts';
import { createGatewayMetrics } from './gateway/metrics.ts';
import { carry } from './outbound/carry.ts';
import { connectToService, type ServicePort } from './outbound/connector.ts';
import { openConnection } from './outbound/open-connection.ts';
import { LiveConnections } from './policy/live-connections.ts';
import type { OpenEdge } from './proxy-edge.ts';

/** What makes a member of the mesh a gateway. */
export interface GatewayEdgeOptions {
  /** The path of the gateway's file. */
  readonly file: string;
  /** Calls back when the file is to be read again. */
  readonly onReload: (reload: () => void) => void;
}

/** Strangers can ask for a service that is down as often as they like. */
const FAILURE_LOG_RATE = { count: 10, intervalMs: 1_000 };

/** The doors of `hauberk gateway`, which lead connections from outside to services of the mesh. */
export function gatewayEdge({ file, onReload }: GatewayEdgeOptions): OpenEdge {
  return async ({ room, connector, registry }) => {
    const { clock, logger, metrics } = room;
    const { trustDomain, namespace } = room.config;
    const mayLog = createRateLimit(clock, FAILURE_LOG_RATE);
    const live = new LiveConnections<EgressCut>(room.policies);
    const outside = { ...room, live, mayLog };
    const dependencies = { ...connector, mayLog, clock, metrics, trustDomain };
    const request = (target: ServicePort) => ({
      peer: spiffeId({ trustDomain, ...target }).uri,
      connect: (signal: AbortSignal) => connectToService(target, dependencies, signal),
    });
    const gateway = await openGateway({
      clock,
      logger,
      file,
      namespace,
      metrics: createGatewayMetrics(registry),
      carry: (socket, target) => carry(socket, request(target), dependencies),
      open: (target, signal) => openConnection(target, dependencies, signal),
      routesOutside: (places) => room.conditions.carries('routes', places),
      openOutside: (place, signal) => openOutsideForProgram(place, outside, signal),
    });
    onReload(() => void gateway.reload());
    return gateway;
  };
}
