import type { Logger } from 'pino';
import { parseSpiffeId } from '../../common/pki/spiffe-id.ts';
import type { AdminServer, RevokeRequest } from '../../proto/gen/hauberk/v1/admin.ts';
import type { RevocationRecord } from '../revocation/revocation-record.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { Tokens } from '../tokens/tokens.ts';
import { toRevocationEntry, toTokenMessage } from './admin-messages.ts';
import type { ForOperators } from './for-operators.ts';
import { RequestError } from './request-error.ts';

/** What revoking takes. */
export interface RevocationHandlersOptions {
  readonly tokens: Tokens;
  readonly revocations: Revocations;
  readonly logger: Logger;
}

/** The handlers by name. */
export type RevocationHandlers = Pick<
  AdminServer,
  'revoke' | 'readmit' | 'listRevocations' | 'revokeToken'
>;

/** The part of `Admin` that takes certificates and tokens out of use. */
export function createRevocationHandlers(
  { tokens, revocations, logger }: RevocationHandlersOptions,
  forOperators: ForOperators,
): RevocationHandlers {
  const revoke = async (target: RevokeRequest['target']): Promise<readonly RevocationRecord[]> => {
    switch (target?.$case) {
      case 'serial':
        return revocations.revokeCertificate(target.value.toLowerCase());
      case 'spiffeId':
        return [await revocations.revokeIdentity(parseSpiffeId(target.value))];
      case undefined:
        throw targetMissing();
    }
  };
  return {
    revoke: forOperators(async ({ target }) => {
      const revoked = await revoke(target);
      for (const { spiffeId, serial, expiresMs } of revoked) {
        logger.warn(
          { event: 'revoked', spiffeId, serial, expiresMs },
          `an operator revoked ${serial ?? 'every certificate'} of ${spiffeId}`,
        );
      }
      return { revocations: revoked.map(toRevocationEntry) };
    }),
    readmit: forOperators(async ({ spiffeId }) => {
      const record = await revocations.readmit(parseSpiffeId(spiffeId));
      logger.warn({ event: 'readmitted', spiffeId }, `an operator readmitted ${spiffeId}`);
      return { revocation: toRevocationEntry(record) };
    }),
    listRevocations: forOperators(async () => ({
      revocations: (await revocations.list()).map(toRevocationEntry),
    })),
    revokeToken: forOperators(async ({ id, withCertificates }) => {
      const { token, revoked } = withCertificates
        ? await revocations.revokeToken(id)
        : { token: await tokens.revoke(id), revoked: [] };
      const certificates = revoked.length;
      logger.info(
        { event: 'token-revoked', tokenId: id, certificates },
        `an operator revoked the token ${id}` +
          (withCertificates ? ` with ${certificates} certificates` : ''),
      );
      return { token: toTokenMessage(token), certificates };
    }),
  };
}

function targetMissing(): RequestError {
  return new RequestError('request-malformed', 'expected an identity or a serial, got neither');
}
