import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import { createRefusalLines } from '../../common/logging/refusal-lines.ts';
import type { Direction, ProxyMetrics } from '../metrics/proxy-metrics.ts';

/** A captured connection that is not carried. */
export interface Refusal {
  readonly direction: Direction;
  /** A code from a closed list: a label of `hauberk_connections_failed_total`. */
  readonly reason: string;
  /** Where it came from or wanted to go, for the log. */
  readonly place: string;
  /** What was expected and what came. */
  readonly sentence: string;
}

/** Counts every refusal, and logs at most one per reason and second: scanners are patient. */
export type Refuse = (refusal: Refusal) => void;

/** Creates the book of refusals of one sidecar. */
export function createRefusals(options: {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: Pick<ProxyMetrics, 'connectionFailed'>;
}): Refuse {
  const { clock, logger, metrics } = options;
  const lines = {
    inbound: createRefusalLines(clock, logger),
    outbound: createRefusalLines(clock, logger),
  };
  return ({ direction, reason, place, sentence }) => {
    metrics.connectionFailed(direction, 'unknown', reason);
    lines[direction]({ event: 'capture-refused', direction, reason, place }, sentence);
  };
}
