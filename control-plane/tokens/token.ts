import { z } from 'zod';
import type { EpochMs } from '../../common/clock.ts';
import { storedDate } from '../../common/dates.ts';
import type { Token } from '../../proto/gen/hauberk/v1/admin.ts';
import { recordCodec } from '../store/record-codec.ts';

/** Keys of tokens in the store: this and the id. */
export const TOKEN_PREFIX = 'tokens/';

const tokenRecord = z.object({
  id: z.string(),
  namespace: z.string(),
  service: z.string().optional(),
  createdMs: storedDate,
  expiresMs: storedDate,
  usesAllowed: z.number().optional(),
  uses: z.number(),
  revokedMs: storedDate.optional(),
  secretHash: z.string(),
});

/** A token as it is stored: with the hash of its secret, never the secret. */
export type TokenRecord = Readonly<z.infer<typeof tokenRecord>>;

/** What a token can be used for now; one of these at a time. */
export type TokenState = 'active' | 'used-up' | 'expired' | 'revoked';

/** The state of a token at a moment. A revoked token stays revoked, whatever else it is. */
export function tokenState(token: Token, nowMs: EpochMs): TokenState {
  if (token.revokedMs !== undefined) return 'revoked';
  if (token.expiresMs <= nowMs) return 'expired';
  if (token.usesAllowed !== undefined && token.uses >= token.usesAllowed) return 'used-up';
  return 'active';
}

/** The key of a token. */
export function tokenKey(id: string): string {
  return TOKEN_PREFIX + id;
}

/** The token as bytes for the store, and back. Throws StoreError `corrupt`. */
export const { encode: encodeToken, decode: decodeToken } = recordCodec('a token', tokenRecord);

/** The part of a token that may leave the control plane. */
export function withoutHash(record: TokenRecord): Token {
  const { secretHash: _, ...token } = record;
  return token;
}
