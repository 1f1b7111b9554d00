import type { handleUnaryCall, sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
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
import {
  type OperatorTrust,
  type ProvenCaller,
  requireAdmin,
  requireAdminOrSibling,
  requireOperator,
} from '../caller.ts';
import { peerAddress } from '../peer-address.ts';
import { toRefusal } from '../refusal.ts';
import type { RefusedCalls } from '../refused-calls.ts';

/** Does what an operator asks for; which one it is does not matter. */
export type OperatorAction<Request, Response> = (request: Request) => Promise<Response> | Response;

/** A handler that serves operators only, and what it does for an operator who has come in otherwise. */
export type OperatorHandler<Request, Response> = handleUnaryCall<Request, Response> & {
  readonly action: OperatorAction<Request, Response>;
};

/** The handlers by name; the index signature of the generated type is for grpc-js only. */
export type AdminHandlers = {
  readonly [Name in keyof AdminService]: AdminServer[Name] extends handleUnaryCall<
    infer Request,
    infer Response
  >
    ? Name extends 'createDashboardLink'
      ? AdminServer[Name]
      : OperatorHandler<Request, Response>
    : AdminServer[Name];
};

/** Makes a handler that serves operators only. */
export type ForOperators<Needed = unknown> = <Request extends Needed, Response>(
  action: OperatorAction<Request, Response>,
) => OperatorHandler<Request, Response>;

/** Makes one for which it matters whose credential it is called with. */
export type ForCaller = <Request, Response>(
  action: (request: Request, caller: ProvenCaller) => Promise<Response> | Response,
) => handleUnaryCall<Request, Response>;

/** What the guard of operators' calls needs. */
export interface ForOperatorsOptions extends OperatorTrust {
  readonly limits: Pick<CallerLimits, 'operator'>;
  readonly refusedCalls: RefusedCalls;
  readonly operatorUses: Pick<OperatorUses, 'used'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly metrics: Pick<ControlPlaneMetrics, 'callsRefused'>;
}

/** Creates the guard: every refused caller and every failure is counted and logged. */
export function createForOperators(options: ForOperatorsOptions): {
  readonly forOperators: ForOperators;
  /** Also serves another control plane of the mesh, when the request has `local`. */
  readonly forOperatorsOrSiblings: ForOperators<{ readonly local: boolean }>;
  readonly forCaller: ForCaller;
} {
  const { clock, limits, logger, guard, metrics, operatorUses, refusedCalls } = options;
  const mayLog = createLogLimit(clock);
  const serve = <Request, Response>(
    call: ServerUnaryCall<Request, Response>,
    callback: sendUnaryData<Response>,
    action: (request: Request, caller: ProvenCaller) => Promise<Response> | Response,
    isLocal?: (request: Request) => boolean,
  ): void => {
    guard.run('api', async () => {
      try {
        const require = isLocal === undefined ? requireAdmin : requireAdminOrSibling;
        const caller = await require(callerOf(call, clock.epochMs()), options);
        const { spiffeId, certificate } = caller;
        const origin = { address: peerAddress(call), call: nameOf(call.getPath()) };
        operatorUses.used(serialOf(certificate), origin);
        limits.operator(spiffeId.uri);
        // Read only now: it is charged.
        const { request } = call;
        if (isLocal?.(request) === false) requireOperator(caller, options);
        callback(null, await action(request, caller));
      } catch (thrown) {
        const { reason, error } = toRefusal(thrown, clock.epochMs());
        metrics.callsRefused.inc({ service: 'admin', reason });
        const line = { event: 'admin-refused', reason, client: call.getPeer() };
        if (reason === 'internal') logger.error({ ...line, err: thrown }, 'a call failed');
        else if (mayLog()) logger.warn(line, `refused a call of an operator: ${error.message}`);
        callback(error);
        refusedCalls.refused(call, reason);
      }
    });
  };
  const forCaller: ForCaller = (action) => (call, callback) => serve(call, callback, action);
  return {
    forCaller,
    forOperators: (action) => Object.assign(forCaller(action), { action }),
    forOperatorsOrSiblings<Request extends { readonly local: boolean }, Response>(
      action: OperatorAction<Request, Response>,
    ) {
      const handle: handleUnaryCall<Request, Response> = (call, callback) =>
        serve(call, callback, action, ({ local }) => local);
      return Object.assign(handle, { action });
    },
  };
}

/** Of the path of a call: `Admin.CreateToken`, of `/hauberk.v1.Admin/CreateToken`. */
export function nameOf(path: string): string {
  return path.replace(/^\/hauberk\.v1\./, '').replace('/', '.');
}
