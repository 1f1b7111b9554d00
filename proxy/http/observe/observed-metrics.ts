import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import type { ProxyMetrics } from '../../metrics/proxy-metrics.ts';
import { ConnectionObserver } from './connection-observer.ts';
import { KeptMemory } from './kept-bytes.ts';

/** How connections are observed. */
export interface ObserveOptions {
  readonly clock: MonotonicClock;
  readonly guard: Guard;
  /** Ports whose connections are not looked at, in either direction. */
  readonly opaquePorts: readonly number[];
}

/**
 * Metrics that also have each carried connection looked at for the requests in it: the relay shows them its bytes.
 */
export function withRequestsObserved(
  metrics: ProxyMetrics,
  { clock, guard, opaquePorts }: ObserveOptions,
): ProxyMetrics {
  const opaque = new Set(opaquePorts);
  const dependencies = { metrics, clock, guard, memory: new KeptMemory() };
  return {
    ...metrics,
    connectionOpened(direction, peer, place) {
      const connection = metrics.connectionOpened(direction, peer, place);
      if (opaque.size > 0 && opaque.has(portOf(place ?? peer))) return connection;
      const observer = new ConnectionObserver({ direction, peer }, dependencies);
      return {
        counters: connection.counters,
        observer,
        closed(outcome, seconds) {
          // One that goes on in another tunnel is looked at there.
          if (outcome !== 'untouched') observer.closed();
          connection.closed(outcome, seconds);
        },
      };
    },
  };
}

/** Of `HOST:PORT`, also where that is a server outside (`tls://HOST:PORT`); NaN when there is none. */
function portOf(place: string): number {
  return Number(place.slice(place.lastIndexOf(':') + 1) || NaN);
}
