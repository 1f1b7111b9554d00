import type { Duplex } from 'node:stream';
import type { MonotonicClock } from '../../common/clock.ts';
import { HauberkError } from '../../common/errors.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import { openLoopbackPair, type LoopbackPair } from '../relay/loopback-pair.ts';
import {
  connectToService,
  type Connected,
  type ConnectorDependencies,
  type ServicePort,
} from './connector.ts';
import { resetSocket } from '../relay/reset-socket.ts';

/** What opening a connection takes. */
export interface OpenConnectionDependencies extends ConnectorDependencies {
  readonly clock: MonotonicClock;
  readonly metrics: ProxyMetrics;
  /** Our own trust domain: services are only looked for in it. */
  readonly trustDomain: string;
}

/**
 * Opens a connection to a service for a program of this process, through a tunnel; a reset of the
 * stream is an error of the connection. Resolves when the application there has accepted it.
 *
 * Throws OutboundError, TunnelError or BudgetError.
 */
export async function openConnection(
  target: ServicePort,
  dependencies: OpenConnectionDependencies,
  signal: AbortSignal,
): Promise<Duplex> {
  const { clock, metrics, trustDomain } = dependencies;
  const startedMs = clock.monotonicMs();
  try {
    const connected = await connectToService(target, dependencies, signal);
    const { stream, endpoint, authority } = connected;
    const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
    metrics.connected('outbound', seconds());
    const { near, far } = await pairFor(stream, signal);
    const connection = metrics.connectionOpened('outbound', endpoint.spiffeId.uri, authority);
    const carried = stream.relay(far, connection.counters).then((outcome) => {
      connection.closed(outcome, seconds());
      // Only we could try it again, and we do not know what of it was sent.
      if (outcome === 'untouched') resetSocket(far);
    });
    // It never rejects.
    void carried;
    return near;
  } catch (error) {
    const { namespace, service } = target;
    const reason: string = error instanceof HauberkError ? error.code : 'internal';
    const peer = spiffeId({ trustDomain, namespace, service }).uri;
    metrics.connectionFailed('outbound', peer, signal.aborted ? 'timeout' : reason);
    throw error;
  }
}

/** The application there has accepted already, and would wait for ever on a stream that is not carried. */
async function pairFor(stream: Connected['stream'], signal: AbortSignal): Promise<LoopbackPair> {
  try {
    return await openLoopbackPair(signal);
  } catch (error) {
    stream.reset();
    throw error;
  }
}
