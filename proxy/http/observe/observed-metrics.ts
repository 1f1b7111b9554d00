import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import { portOf, type ConnectionEnd } from '../../metrics/peers.ts';
import type { ConnectionMetrics, ProxyMetrics } from '../../metrics/proxy-metrics.ts';
import type { RelayCounters } from '../../stream/relay.ts';
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
      const port = portOf(place ?? peer);
      if (opaque.has(port)) return connection;
      const observer = new ConnectionObserver({ direction, peer, port }, dependencies);
      return new ObservedConnectionMetrics(connection, observer);
    },
  };
}

/** A connection that is looked at. */
class ObservedConnectionMetrics implements ConnectionMetrics {
  readonly observer: ConnectionObserver;
  readonly #connection: ConnectionMetrics;

  constructor(connection: ConnectionMetrics, observer: ConnectionObserver) {
    this.#connection = connection;
    this.observer = observer;
  }

  get counters(): RelayCounters {
    return this.#connection.counters;
  }

  closed(outcome: ConnectionEnd, seconds: number): void {
    // One that goes on in another tunnel is looked at there.
    if (outcome !== 'untouched') this.observer.closed();
    this.#connection.closed(outcome, seconds);
  }
}
