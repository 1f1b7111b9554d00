import type { Logger } from 'pino';
import type { ProxyMetrics } from './proxy-metrics.ts';
import type { RelayCounters } from '../stream/relay.ts';

/**
 * Metrics that also write a line for each connection that was carried, when it has ended: `--access-log`.
 * Connections that were refused or failed have their lines in any case.
 */
export function withAccessLog(metrics: ProxyMetrics, logger: Logger): ProxyMetrics {
  return {
    ...metrics,
    connectionOpened(direction, peer, place) {
      const connection = metrics.connectionOpened(direction, peer, place);
      const counters = new OwnCounters(connection.counters);
      return {
        counters,
        observer: connection.observer,
        closed(outcome, seconds) {
          connection.closed(outcome, seconds);
          const { bytesFromApp, bytesToApp } = counters;
          const durationMs = Math.round(seconds * 1000);
          logger.info(
            {
              event: 'connection',
              direction,
              peer,
              place,
              outcome,
              durationMs,
              bytesFromApp,
              bytesToApp,
            },
            `carried a connection ${direction === 'inbound' ? 'from' : 'to'} ${peer}`,
          );
        },
      };
    },
  };
}

/** What one connection has carried, and all of its peer's with it. */
export class OwnCounters implements RelayCounters {
  readonly #all: RelayCounters;
  #fromApp = 0;
  #toApp = 0;

  constructor(all: RelayCounters) {
    this.#all = all;
  }

  get bytesFromApp(): number {
    return this.#fromApp;
  }

  set bytesFromApp(bytes: number) {
    this.#all.bytesFromApp += bytes - this.#fromApp;
    this.#fromApp = bytes;
  }

  get bytesToApp(): number {
    return this.#toApp;
  }

  set bytesToApp(bytes: number) {
    this.#all.bytesToApp += bytes - this.#toApp;
    this.#toApp = bytes;
  }
}
