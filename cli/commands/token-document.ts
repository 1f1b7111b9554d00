import type { Token } from '../../proto/gen/hauberk/v1/admin.ts';
import { toTimestamp } from '../output/relative-time.ts';

/** What can become of a token. */
export type TokenState = 'active' | 'expired' | 'revoked' | 'used-up';

/** Whether a token is still valid, and why not. */
export function tokenState(token: Token, nowMs: number): TokenState {
  if (token.revokedMs !== undefined) return 'revoked';
  if (token.usesAllowed !== undefined && token.uses >= token.usesAllowed) return 'used-up';
  return token.expiresMs <= nowMs ? 'expired' : 'active';
}

/** A token as `--json` prints it; docs/json-output.md describes it. */
export interface TokenDocument {
  readonly id: string;
  readonly namespace: string;
  readonly service: string | null;
  readonly state: TokenState;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
  readonly uses: number;
  readonly usesAllowed: number | null;
}

/** Writes a token for programs. */
export function tokenDocument(token: Token, nowMs: number): TokenDocument {
  return {
    id: token.id,
    namespace: token.namespace,
    service: token.service ?? null,
    state: tokenState(token, nowMs),
    createdAt: toTimestamp(token.createdMs),
    expiresAt: toTimestamp(token.expiresMs),
    revokedAt: token.revokedMs === undefined ? null : toTimestamp(token.revokedMs),
    uses: token.uses,
    usesAllowed: token.usesAllowed ?? null,
  };
}
