import type { EpochMs } from '../../common/clock.ts';
import type { Token } from '../../proto/gen/hauberk/v1/admin.ts';
import { tokenState, type TokenState } from './token.ts';

/** How many tokens are in each state; every state is there, also with none. */
export function countTokens(
  tokens: readonly Token[],
  nowMs: EpochMs,
): Readonly<Record<TokenState, number>> {
  const count = { active: 0, 'used-up': 0, expired: 0, revoked: 0 };
  for (const token of tokens) count[tokenState(token, nowMs)] += 1;
  return count;
}
