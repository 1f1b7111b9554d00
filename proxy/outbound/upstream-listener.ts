import { APPLICATION_SHARE } from '../../common/budget/shared-budget.ts';
import type { CancelSignal } from '../../common/cancellation.ts';
import type { Guard } from '../../common/guard.ts';
import type { Network } from '../../common/network/network.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import type { AcceptedConnection } from '../stream/plaintext-stream.ts';
import { listenPlaintext, type PlaintextListener } from '../stream/plaintext-listener.ts';
import type { Destination } from '../tunnel/authority.ts';
import type { EarlyData } from '../tunnel/tunnel.ts';
import { carry, type CarryDependencies } from './carry.ts';
import { connectToService, type ConnectorDependencies, type ServicePort } from './connector.ts';

/** A local port for a service of the mesh. */
export interface Upstream {
  readonly listen: Destination;
  readonly target: ServicePort;
}

/** Serves the HTTP of a connection to a service that has routes; undefined for one that is carried as bytes. Never rejects. */
export type ServeRouted = (
  connection: AcceptedConnection,
  target: ServicePort,
) => Promise<void> | undefined;

/** What an upstream listener needs. */
export interface UpstreamDependencies extends CarryDependencies {
  /** Finds the service. */
  readonly connector: ConnectorDependencies;
  /** Our own trust domain: services are only looked for in it. */
  readonly trustDomain: string;
  readonly network: Pick<Network, 'listen'>;
  readonly guard: Guard;
  readonly serveRouted: ServeRouted;
}

/**
 * Listens for the application's plaintext connections to one service and carries each through a
 * tunnel.
 *
 * Throws ListenError when it cannot listen.
 */
export async function listenUpstream(
  { listen, target }: Upstream,
  dependencies: UpstreamDependencies,
): Promise<PlaintextListener> {
  const { connector, network, logger, guard, metrics, trustDomain } = dependencies;
  const { namespace, service } = target;
  const request = {
    peer: spiffeId({ trustDomain, namespace, service }).uri,
    port: target.port,
    connect: (signal: CancelSignal, early: EarlyData) =>
      connectToService(target, connector, signal, early),
  };
  const { address: host, port } = listen;
  const announcement = (at: string): string => `${service}.${namespace}:${target.port} is at ${at}`;
  const onRefused = (reason: string): void => {
    metrics.connectionFailed('outbound', request.peer, reason, target.port);
  };
  const budgeted = { share: APPLICATION_SHARE, onRefused };
  const guarded = { guard, where: 'outbound', fields: { service } } as const;
  return await listenPlaintext(
    { name: 'upstream', host, port, network, logger, announcement, ...budgeted, ...guarded },
    (connection) =>
      dependencies.serveRouted(connection, target) ?? carry(connection, request, dependencies),
  );
}
