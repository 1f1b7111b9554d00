import type { Logger } from 'pino';
import { didYouMean } from '../../../common/nearest-name.ts';
import { parseSpiffeId, SYSTEM_NAMESPACE, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { RevokeRequest } from '../../../proto/gen/hauberk/v1/admin.ts';
import { RevocationError } from '../../revocation/revocation-error.ts';
import type { RevocationRecord } from '../../revocation/revocation-record.ts';
import type { Revocations } from '../../revocation/revocations.ts';
import type { Tokens } from '../../tokens/tokens.ts';
import type { AdminHandlers, ForOperators } from './for-operators.ts';
import { RequestError } from '../request-error.ts';

/** What revoking takes. */
export interface RevocationHandlersOptions {
  readonly tokens: Tokens;
  readonly revocations: Revocations;
  /** The identities that the mesh has seen, as `NAMESPACE/SERVICE`. */
  readonly knownIdentities: () => Promise<readonly string[]>;
  readonly logger: Logger;
}

/** The part of `Admin` that takes certificates and tokens out of use. */
export function createRevocationHandlers(
  { tokens, revocations, knownIdentities, logger }: RevocationHandlersOptions,
  forOperators: ForOperators,
): Pick<AdminHandlers, 'revoke' | 'readmit' | 'listRevocations' | 'revokeToken'> {
  /** A revocation of a name that does not exist would look as if it had helped. */
  const requireKnown = async ({ namespace, service, uri }: SpiffeId): Promise<void> => {
    // Refused as a whole, with a better reason.
    if (namespace === SYSTEM_NAMESPACE) return;
    const name = `${namespace}/${service}`;
    const known = await knownIdentities();
    if (known.includes(name)) return;
    throw new RevocationError('identity-unknown', `the mesh has never seen ${uri}`, {
      hint: `${didYouMean(name, known) ?? 'see `hauberk status`'} (--force revokes it anyway)`,
    });
  };
  const revoke = async ({ target, force }: RevokeRequest): Promise<readonly RevocationRecord[]> => {
    switch (target?.$case) {
      case 'serial':
        return revocations.revokeCertificate(target.value.toLowerCase());
      case 'spiffeId': {
        const spiffeId = parseSpiffeId(target.value);
        if (!force) await requireKnown(spiffeId);
        return [await revocations.revokeIdentity(spiffeId)];
      }
      case undefined:
        throw targetMissing();
    }
  };
  return {
    revoke: forOperators(async (request) => {
      const revoked = await revoke(request);
      for (const { spiffeId, serial, expiresMs } of revoked) {
        const line = { event: 'revoked', spiffeId, serial, expiresMs };
        logger.warn(line, `an operator revoked ${serial ?? 'every certificate'} of ${spiffeId}`);
      }
      return { revocations: revoked };
    }),
    readmit: forOperators(async ({ spiffeId }) => {
      const record = await revocations.readmit(parseSpiffeId(spiffeId));
      logger.warn({ event: 'readmitted', spiffeId }, `an operator readmitted ${spiffeId}`);
      return { revocation: record };
    }),
    listRevocations: forOperators(async () => ({
      revocations: await revocations.list(),
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
      return { token, certificates };
    }),
  };
}

function targetMissing(): RequestError {
  return new RequestError('request-malformed', 'expected an identity or a serial, got neither');
}
