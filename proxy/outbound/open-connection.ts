import type { MonotonicClock } from '../../common/clock.ts';
import { errorCode } from '../../common/errors.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import type { Dialled } from '../http/upstream/pooled-connection.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import { countedStream } from '../stream/counted-stream.ts';
import { connectToService, type ConnectorDependencies, type ServicePort } from './connector.ts';

/** What opening a connection takes. */
export interface OpenConnectionDependencies {
  /** Finds the service. */
  readonly connector: ConnectorDependencies;
  readonly clock: MonotonicClock;
  readonly metrics: Pick<ProxyMetrics, 'connected' | 'connectionFailed' | 'connectionOpened'>;
  /** Our own trust domain: services are only looked for in it. */
  readonly trustDomain: string;
}

/**
 * Opens a connection to a service for a program of this process, through a tunnel, and counts it as any other.
 * Resolves when the application there has accepted it.
 *
 * Throws OutboundError or TunnelError.
 */
export async function openConnection(
  target: ServicePort,
  dependencies: OpenConnectionDependencies,
  signal: AbortSignal,
): Promise<Dialled> {
  const { connector, clock, metrics, trustDomain } = dependencies;
  const startedMs = clock.monotonicMs();
  const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
  try {
    const { stream, endpoint, authority } = await connectToService(target, connector, signal);
    metrics.connected('outbound', seconds());
    const peer = endpoint.spiffeId.uri;
    const connection = metrics.connectionOpened('outbound', peer, authority);
    return {
      stream: countedStream(stream, connection.counters, (outcome) =>
        connection.closed(outcome, seconds()),
      ),
      peer,
      isLeaving: () => !connector.view.has(endpoint.instanceId),
    };
  } catch (error) {
    const { namespace, service } = target;
    const reason = errorCode(error);
    const peer = spiffeId({ trustDomain, namespace, service }).uri;
    metrics.connectionFailed('outbound', peer, signal.aborted ? 'timeout' : reason, target.port);
    throw error;
  }
}
