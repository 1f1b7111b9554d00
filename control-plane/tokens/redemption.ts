import type { EpochMs } from '../../common/clock.ts';
import type { JoinToken } from '../../common/pki/join-token/join-token.ts';
import { SYSTEM_NAMESPACE, type SpiffeId } from '../../common/pki/spiffe-id.ts';
import { secretMatches } from '../../common/pki/join-token/token-secret.ts';
import { tokenState, type TokenRecord } from './token.ts';
import { TokenError } from './token-error.ts';

/** What tokens have to do with the roots of the mesh. */
export interface TokenRoots {
  /** Digest of the root that new tokens pin; undefined while there is none to be relied on. */
  readonly pinned: string | undefined;
  /** Digests of the roots that tokens may pin. */
  readonly accepted: ReadonlySet<string>;
  /** Tokens that were made until then are invalid. */
  readonly notBeforeMs: EpochMs;
}

/** What a token is judged by. */
export interface RedemptionRequest {
  readonly token: JoinToken;
  readonly roots: TokenRoots;
  readonly spiffeId: SpiffeId;
  readonly nowMs: EpochMs;
}

/** The hash of no secret at all. */
const NO_HASH = '0'.repeat(64);

/**
 * Decides whether the sender of a token knows its secret, whatever the scope of the token. What is stored
 * about a token is told only to a caller that does; a wrong id and a wrong secret are the same answer.
 *
 * @param record the stored token of that id, if there is one
 * @returns the stored token
 * @throws TokenError `token-wrong-root`, `token-unknown`
 */
export function proveToken(
  record: TokenRecord | undefined,
  { token, roots }: Pick<RedemptionRequest, 'token' | 'roots'>,
): TokenRecord {
  if (!roots.accepted.has(token.rootDigest)) {
    const sentence =
      'the join token pins a root that this control plane does not have, or has no longer';
    const hint = 'make a token on this control plane, or give the address of the other one';
    throw new TokenError('token-wrong-root', sentence, { hint });
  }
  // The comparison happens in any case, so that an unknown id takes as long as a wrong secret.
  const matches = secretMatches(token.secret, record?.secretHash ?? NO_HASH);
  if (!matches || record === undefined) {
    throw new TokenError('token-unknown', 'the join token is unknown', {
      hint: 'check that the whole token was copied, or make a new one with `hauberk token create`',
    });
  }
  return record;
}

/**
 * Decides whether a token may be used for an identity now.
 *
 * @param stored the stored token of that id, if there is one
 * @returns the stored token
 * @throws TokenError with the reason
 */
export function judgeToken(
  stored: TokenRecord | undefined,
  { token, roots, spiffeId, nowMs }: RedemptionRequest,
): TokenRecord {
  const record = proveToken(stored, { token, roots });
  requireActive(record, nowMs);
  const { namespace, service = spiffeId.service } = record;
  // No stored token has the scope of the mesh itself; if one got there it would still be good for nothing.
  const isOfTheMesh = spiffeId.namespace === SYSTEM_NAMESPACE;
  if (isOfTheMesh || namespace !== spiffeId.namespace || service !== spiffeId.service) {
    const scope = `${record.namespace}/${record.service ?? '*'}`;
    const sentence = `the join token is for ${scope}, not for ${spiffeId.namespace}/${spiffeId.service}`;
    const hint = 'check --namespace and --service, or make a token for this service';
    throw new TokenError('token-wrong-identity', sentence, { hint });
  }
  return record;
}

function requireActive(record: TokenRecord, nowMs: EpochMs): void {
  const hint = 'make a new one with `hauberk token create`';
  switch (tokenState(record, nowMs)) {
    case 'active':
      return;
    case 'revoked':
      throw new TokenError('token-revoked', `the join token ${record.id} was revoked`, { hint });
    case 'expired': {
      const end = new Date(record.expiresMs).toISOString();
      throw new TokenError('token-expired', `the join token ${record.id} expired at ${end}`, {
        hint,
      });
    }
    case 'used-up': {
      const uses = record.uses === 1 ? 'once' : `${record.uses} times`;
      const sentence = `the join token ${record.id} was used ${uses}, which is its limit`;
      throw new TokenError('token-used-up', sentence, { hint });
    }
  }
}
