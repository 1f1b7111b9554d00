import type { Duplex } from 'node:stream';
import type { MonotonicClock } from '../../common/clock.ts';
import { errorCode } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import { StreamDuplex } from '../stream/stream-duplex.ts';
import { connectToService, type ConnectorDependencies, type ServicePort } from './connector.ts';

/** What opening a connection takes. */
export interface OpenConnectionDependencies {
  /** Finds the service. */
  readonly connector: ConnectorDependencies;
  readonly clock: MonotonicClock;
  readonly guard: Guard;
  readonly metrics: Pick<ProxyMetrics, 'connected' | 'connectionFailed' | 'connectionOpened'>;
  /** Our own trust domain: services are only looked for in it. */
  readonly trustDomain: string;
}

/**
 * Opens a connection to a service for a program of this process, through a tunnel; a reset of the
 * stream is an error of the connection. Resolves when the application there has accepted it.
 *
 * Throws OutboundError or TunnelError.
 */
export async function openConnection(
  target: ServicePort,
  dependencies: OpenConnectionDependencies,
  signal: AbortSignal,
): Promise<Duplex> {
  const { connector, clock, guard, metrics, trustDomain } = dependencies;
  const startedMs = clock.monotonicMs();
  const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
  try {
    const { stream, endpoint, authority } = await connectToService(target, connector, signal);
    metrics.connected('outbound', seconds());
    const { counters, closed } = metrics.connectionOpened(
      'outbound',
      endpoint.spiffeId.uri,
      authority,
    );
    const onClosed = (outcome: Parameters<typeof closed>[0]): void => closed(outcome, seconds());
    return new StreamDuplex(stream, { clock, guard, counters, onClosed });
  } catch (error) {
    const { namespace, service } = target;
    const reason = errorCode(error);
    const peer = spiffeId({ trustDomain, namespace, service }).uri;
    metrics.connectionFailed('outbound', peer, signal.aborted ? 'timeout' : reason);
    throw error;
  }
}
