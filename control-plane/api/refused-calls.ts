import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import { KeyedBuckets } from '../../common/keyed-buckets.ts';
import { clientNetwork } from '../../common/network/ip-address.ts';
import { createLogLimit, type Rate } from '../../common/rate-limit.ts';
import { callerAt, connectionOf, type ServerCall } from '../../common/rpc/peer.ts';
import type { Refusal } from '../../common/rpc/rpc-error.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import { peerAddress } from './peer-address.ts';

/**
 * Calls of one identity that were refused, or of one address without one: each takes a tenth of a millisecond. A thousand sidecars of a service
 * that are sent away several times while a control plane starts are within it, and those of one that was revoked.
 */
const REFUSED_RATE: Rate = { burst: 2_000, perSecond: 250 };

/** What failed is no fault of the caller. */
const OURS: ReadonlySet<Refusal> = new Set(['internal', 'unavailable']);

/** Bounds what refusing takes. */
export interface RefusedCalls {
  /** A call was just answered with a refusal. Ends its connection, and no other, when that happened too often. */
  refused(call: ServerCall, reason: Refusal): void;
}

/** What it needs. */
export interface RefusedCallsOptions {
  readonly clock: Pick<MonotonicClock, 'monotonicMs'>;
  readonly logger: Logger;
  readonly metrics: Pick<ControlPlaneMetrics, 'connectionsFailed'>;
}

/**
 * Ends the connection of a caller that is refused again and again, for what one call is as good as the next: a stream is opened
 * and refused as fast as it can be asked for, and all connections wait meanwhile. The next connection takes a handshake,
 * for which each source has to wait for its turn. It is charged to the identity that the caller has proven, or to its
 * address; a caller at that address that proves an identity is charged to that one. Others of that address or identity, such as those behind
 * the same NAT, keep their connections and are served: it costs them one only when a call of theirs is refused as well, after the answer.
 */
export function createRefusedCalls({ clock, logger, metrics }: RefusedCallsOptions): RefusedCalls {
  const buckets = new KeyedBuckets(clock, REFUSED_RATE);
  const mayLog = createLogLimit(clock);
  metrics.connectionsFailed.inc({ reason: 'refused-calls' }, 0);
  return {
    refused(call, reason) {
      const connection = connectionOf(call);
      if (OURS.has(reason) || connection === undefined) return;
      const caller = callerAt(connection.socket);
      const address = peerAddress(call);
      const holder = caller.kind === 'workload' ? caller.spiffeId.uri : clientNetwork(address);
      if (buckets.take(holder) || !connection.endSoon()) return;
      metrics.connectionsFailed.inc({ reason: 'refused-calls' });
      if (mayLog()) {
        const sentence = `${holder} was refused too often, the last time with ${reason}`;
        logger.warn({ event: 'refused-calls', reason, client: address }, sentence);
      }
    },
  };
}
