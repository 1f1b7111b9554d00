import type { handleUnaryCall } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Clock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import { serialOf } from '../../../common/pki/revocation.ts';
import { createLogLimit } from '../../../common/rate-limit.ts';
import { callerOf } from '../../../common/rpc/peer.ts';
import type { AdminServer, AdminService } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { OperatorUses } from '../../operators/operator-uses.ts';
import type { ControlPlaneMetrics } from '../../metrics.ts';
import type { CallerLimits } from '../caller-limits.ts';
import { requireAdmin, type OperatorTrust } from '../caller.ts';
import { peerAddress } from '../peer-address.ts';
import { toRefusal } from '../refusal.ts';

/** The handlers by name; the index signature of the generated type is for grpc-js only. */
export type AdminHandlers = Pick<AdminServer, keyof AdminService>;

/** Makes a handler that serves operators only. */
export type ForOperators = <Request, Response>(
  action: (request: Request) => Promise<Response> | Response,
) => handleUnaryCall<Request, Response>;

/** What the guard of operators' calls needs. */
export interface ForOperatorsOptions extends OperatorTrust {
  readonly limits: Pick<CallerLimits, 'operator'>;
  readonly operatorUses: Pick<OperatorUses, 'used'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly metrics: Pick<ControlPlaneMetrics, 'callsRefused'>;
}

/** Creates the guard: every refused caller and every failure is counted and logged. */
export function createForOperators(options: ForOperatorsOptions): ForOperators {
  const { clock, limits, logger, guard, metrics, operatorUses } = options;
  const mayLog = createLogLimit(clock);
  return (action) => (call, callback) => {
    guard.run('api', async () => {
      try {
        const caller = await requireAdmin(callerOf(call, clock.epochMs()), options);
        const { spiffeId, certificate } = caller;
        const origin = { address: peerAddress(call), call: nameOf(call.getPath()) };
        operatorUses.used(serialOf(certificate), origin);
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
    });
  };
}

/** Of the path of a call: `Admin.CreateToken`, of `/hauberk.v1.Admin/CreateToken`. */
export function nameOf(path: string): string {
  return path.replace(/^\/hauberk\.v1\./, '').replace('/', '.');
}
