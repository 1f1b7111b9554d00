import type { handleUnaryCall } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { parseSpiffeId } from '../../common/pki/spiffe-id.ts';
import { createRateLimit } from '../../common/rate-limit.ts';
import { callerOf } from '../../common/rpc/peer.ts';
import type { AdminServer } from '../../proto/gen/hauberk/v1/admin.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import type { Registry } from '../registry/registry.ts';
import type { Tokens } from '../tokens/tokens.ts';
import { toCertificateMessage, toTokenMessage, toWorkloadMessage } from './admin-messages.ts';
import { requireAdmin } from './caller.ts';
import { REFUSAL_LOG_RATE, toRefusal } from './refusal.ts';

/** What the operators' interface needs. */
export interface AdminHandlersOptions {
  readonly ca: CertificateAuthority;
  readonly tokens: Tokens;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<ControlPlaneMetrics, 'callsRefused'>;
}

/** Makes a handler that lets operators in and nobody else. */
type ForOperators = <Request, Response>(
  action: (request: Request) => Promise<Response> | Response,
) => handleUnaryCall<Request, Response>;

/** The handlers by name; the index signature of the generated type is for grpc-js only. */
export type AdminHandlers = Pick<
  AdminServer,
  'createToken' | 'listTokens' | 'revokeToken' | 'listWorkloads' | 'listCertificates'
>;

/** `Admin`: tokens, sidecars and the issuance log, for operators. */
export function createAdminHandlers(options: AdminHandlersOptions): AdminHandlers {
  const { ca, tokens, registry, logger } = options;
  const forOperators = guarded(options);
  const handlers: AdminHandlers = {
    createToken: forOperators(async ({ namespace, service, ttlSeconds, uses }) => {
      const { joinToken, token } = await tokens.create({
        namespace,
        service: service || undefined,
        ttlMs: ttlSeconds * 1000,
        uses: uses || undefined,
      });
      logger.info(
        { event: 'token-created', tokenId: token.id, namespace, service },
        `an operator made the token ${token.id} for ${namespace}/${service || '*'}`,
      );
      return { joinToken, token: toTokenMessage(token) };
    }),
    listTokens: forOperators(async () => ({ tokens: (await tokens.list()).map(toTokenMessage) })),
    revokeToken: forOperators(async ({ id }) => {
      const token = await tokens.revoke(id);
      logger.info({ event: 'token-revoked', tokenId: id }, `an operator revoked the token ${id}`);
      return { token: toTokenMessage(token) };
    }),
    listWorkloads: forOperators(() => ({ workloads: registry.list().map(toWorkloadMessage) })),
    listCertificates: forOperators(async ({ limit, spiffeId }) => {
      const issuances = await ca.issuances({
        ...(limit === 0 ? {} : { limit }),
        ...(spiffeId === '' ? {} : { spiffeId: parseSpiffeId(spiffeId) }),
      });
      return { certificates: issuances.map(toCertificateMessage) };
    }),
  };
  return handlers;
}

function guarded({ ca, clock, logger, metrics }: AdminHandlersOptions): ForOperators {
  const mayLog = createRateLimit(clock, REFUSAL_LOG_RATE);
  return (action) => (call, callback) => {
    void (async () => {
      try {
        requireAdmin(callerOf(call, clock.now()), ca.trustDomain);
        callback(null, await action(call.request));
      } catch (thrown) {
        const { reason, error } = toRefusal(thrown, clock.now());
        metrics.callsRefused.inc({ service: 'admin', reason });
        const line = { event: 'admin-refused', reason, peer: call.getPeer() };
        if (reason === 'internal') logger.error({ ...line, err: thrown }, 'a call failed');
        else if (mayLog()) logger.warn(line, `refused a call of an operator: ${error.message}`);
        callback(error);
      }
    })();
  };
}
