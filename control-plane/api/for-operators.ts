import type { handleUnaryCall } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { createRateLimit } from '../../common/rate-limit.ts';
import { callerOf } from '../../common/rpc/peer.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import type { CallerLimits } from './caller-limits.ts';
import { requireAdmin, type CallerTrust } from './caller.ts';
import { REFUSAL_LOG_RATE, toRefusal } from './refusal.ts';

/** Makes a handler that lets operators in and nobody else. */
export type ForOperators = <Request, Response>(
  action: (request: Request) => Promise<Response> | Response,
) => handleUnaryCall<Request, Response>;

/** What the guard at the operators' door needs. */
export interface ForOperatorsOptions extends CallerTrust {
  readonly limits: Pick<CallerLimits, 'operator'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<ControlPlaneMetrics, 'callsRefused'>;
}

/** Creates the guard: whoever is refused, and whatever fails, is counted and logged. */
export function createForOperators(options: ForOperatorsOptions): ForOperators {
  const { clock, limits, logger, metrics } = options;
  const mayLog = createRateLimit(clock, REFUSAL_LOG_RATE);
  return (action) => (call, callback) => {
    void (async () => {
      try {
        const { spiffeId } = requireAdmin(callerOf(call, clock.epochMs()), options);
        limits.operator(spiffeId.uri);
        callback(null, await action(call.request));
      } catch (thrown) {
        const { reason, error } = toRefusal(thrown, clock.epochMs());
        metrics.callsRefused.inc({ service: 'admin', reason });
        const line = { event: 'admin-refused', reason, client: call.getPeer() };
        if (reason === 'internal') logger.error({ ...line, err: thrown }, 'a call failed');
        else if (mayLog()) logger.warn(line, `refused a call of an operator: ${error.message}`);
        callback(error);
      }
    })();
  };
}
