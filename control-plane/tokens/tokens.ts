import { randomBytes } from 'node:crypto';
import { encodeBase36 } from '../../common/pki/base36.ts';
import {
  formatJoinToken,
  parseJoinToken,
  type JoinToken,
} from '../../common/pki/join-token/join-token.ts';
import { type SpiffeId, isLabel, SYSTEM_NAMESPACE } from '../../common/pki/spiffe-id.ts';
import { generateSecret, hashSecret } from '../../common/pki/join-token/token-secret.ts';
import { plusMs, type WallClock, type EpochMs } from '../../common/clock.ts';
import type { Token } from '../../proto/gen/hauberk/v1/admin.ts';
import type { FencedStore } from '../leader/fenced-store.ts';
import {
  deleteUnchanged,
  type Compare,
  type Entry,
  type Operation,
  type Store,
} from '../store/store.ts';
import type { KeyedMutex } from '../keyed-mutex.ts';
import { judgeToken, proveToken, type TokenRoots } from './redemption.ts';
import {
  decodeToken,
  encodeToken,
  TOKEN_PREFIX,
  tokenKey,
  withoutHash,
  type TokenRecord,
  tokenState,
  type TokenState,
} from './token.ts';
import { TokenError } from './token-error.ts';

/** What the tokens need. */
export interface TokensOptions {
  readonly store: Store;
  readonly clock: WallClock;
  readonly mutex: KeyedMutex;
  /** Which roots tokens may pin now. */
  readonly roots: () => TokenRoots;
}

/** The use of a token, to be written in one transaction together with what it was used for. */
export interface Redemption {
  readonly tokenId: string;
  readonly compares: readonly Compare[];
  readonly operations: readonly Operation[];
}

/** Join tokens: made and revoked by operators, used by sidecars at first contact. */
export interface Tokens {
  /** Makes a token. Its text is in this answer only. Throws TokenError `token-invalid`, `token-busy`. */
  create(scope: TokenScope): Promise<{ readonly joinToken: string; readonly token: Token }>;
  /** All tokens, newest first; those that cannot be used any more are kept for a while. */
  list(): Promise<readonly Token[]>;
  /** Revokes a token; once more does nothing. Throws TokenError `token-not-found`. */
  revoke(id: string): Promise<Token>;
  /**
   * Whether the caller knows the secret of a token, at the cost of a look-up and a hash; what the token
   * is valid for is not checked.
   *
   * @returns the token's id
   * @throws JoinTokenError `token-malformed`, TokenError `token-wrong-root`, `token-unknown`
   */
  prove(joinToken: string): Promise<string>;
  /**
   * Uses a token for an identity. `commit` writes the redemption, and resolves with undefined when
   * its conditions did not hold: then the token is checked again, so that a token for one use is used
   * once, however many come at the same time.
   *
   * @throws JoinTokenError `token-malformed`, TokenError with the reason, or what `commit` throws
   */
  redeem<T>(
    joinToken: string,
    spiffeId: SpiffeId,
    commit: (redemption: Redemption) => Promise<T | undefined>,
  ): Promise<T>;
  /** Forgets tokens that have been useless for RETENTION_MS; for the leader. */
  prune(nowMs: EpochMs, leading: FencedStore): Promise<void>;
}

/** How long a revoked or expired token is still listed: long enough to ask why a sidecar failed. */
const RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Only other control planes on the same store can get between, and each try means that one did: one of five
 * that use one token at once is that often too late in one of a million cases.
 */
const MAX_TRIES = 64;

/** An id only has to be short and not in use: 36^8 is the first power of 36 above 2^40. */
const ID_BYTES = 5;
const ID_LENGTH = 8;

const generateId = (): string => encodeBase36(randomBytes(ID_BYTES), ID_LENGTH);

/** Creates the one object of this module. */
export function createTokens({ store, clock, mutex, roots }: TokensOptions): Tokens {
  const read = (entry: Entry): TokenRecord => {
    const record = decodeToken(entry);
    const { notBeforeMs } = roots();
    // The thief of a root's key may have seen every token that pinned it.
    if (record.revokedMs !== undefined || record.createdMs > notBeforeMs) return record;
    return { ...record, revokedMs: notBeforeMs };
  };
  const find = async (id: string): Promise<[TokenRecord, revision: number] | undefined> => {
    const entry = await store.get(tokenKey(id));
    return entry === undefined ? undefined : [read(entry), entry.modRevision];
  };
  const judge = async (token: JoinToken, spiffeId: SpiffeId): Promise<Redemption> => {
    const [stored, revision] = (await find(token.id)) ?? [undefined, 0];
    const record = judgeToken(stored, { token, roots: roots(), spiffeId, nowMs: clock.epochMs() });
    const value = encodeToken({ ...record, uses: record.uses + 1 });
    return {
      tokenId: token.id,
      compares: [{ key: tokenKey(token.id), modRevision: revision }],
      operations: [{ kind: 'put', key: tokenKey(token.id), value }],
    };
  };

  return {
    async create(scope) {
      requireScope(scope);
      const { pinned } = roots();
      if (pinned === undefined) {
        throw new TokenError(
          'token-busy',
          'the root is being replaced because its key is compromised, and a token cannot pin the new one yet',
          { hint: 'try again when `hauberk ca status` says that the new root signs' },
        );
      }
      const { namespace, service, ttlMs, uses } = scope;
      const [id, secret, createdMs] = [generateId(), generateSecret(), clock.epochMs()];
      const record: TokenRecord = {
        id,
        namespace,
        service,
        createdMs,
        expiresMs: plusMs(createdMs, ttlMs),
        usesAllowed: uses,
        uses: 0,
        secretHash: hashSecret(secret),
      };
      const { succeeded } = await store.transact(
        [{ key: tokenKey(id), modRevision: 0 }],
        [{ kind: 'put', key: tokenKey(id), value: encodeToken(record) }],
      );
      if (!succeeded) throw busy(id);
      return {
        joinToken: formatJoinToken({ rootDigest: pinned, id, secret }),
        token: withoutHash(record),
      };
    },

    async list() {
      const { entries } = await store.range(TOKEN_PREFIX);
      return entries
        .map((entry) => withoutHash(read(entry)))
        .sort((a, b) => b.createdMs - a.createdMs);
    },

    revoke: (id) =>
      mutex.run(tokenKey(id), async () => {
        for (let tries = 0; tries < MAX_TRIES; tries += 1) {
          const [record, revision] = (await find(id)) ?? [];
          if (record === undefined || revision === undefined) {
            const sentence = `there is no token with the id ${JSON.stringify(id.slice(0, 64))}`;
            const hint = 'look it up with `hauberk token list`';
            throw new TokenError('token-not-found', sentence, { hint });
          }
          if (record.revokedMs !== undefined) return withoutHash(record);
          const revoked = { ...record, revokedMs: clock.epochMs() };
          const { succeeded } = await store.transact(
            [{ key: tokenKey(id), modRevision: revision }],
            [{ kind: 'put', key: tokenKey(id), value: encodeToken(revoked) }],
          );
          if (succeeded) return withoutHash(revoked);
        }
        throw busy(id);
      }),

    async prove(joinToken) {
      const token = parseJoinToken(joinToken);
      const [record] = (await find(token.id)) ?? [];
      return proveToken(record, { token, roots: roots() }).id;
    },

    async redeem(joinToken, spiffeId, commit) {
      const token = parseJoinToken(joinToken);
      // Who does not know the secret is turned away before the queue, and cannot hold it up.
      await judge(token, spiffeId);
      return mutex.run(tokenKey(token.id), async () => {
        for (let tries = 0; tries < MAX_TRIES; tries += 1) {
          const result = await commit(await judge(token, spiffeId));
          if (result !== undefined) return result;
        }
        throw busy(token.id);
      });
    },

    async prune(nowMs, leading) {
      const { entries } = await leading.range(TOKEN_PREFIX);
      const uselessSince = nowMs - RETENTION_MS;
      const old = entries.filter((entry) => {
        const { revokedMs, expiresMs } = read(entry);
        return Math.min(revokedMs ?? Infinity, expiresMs) < uselessSince;
      });
      await deleteUnchanged(leading, old);
    },
  };
}

function busy(id: string): TokenError {
  return new TokenError('token-busy', `the token ${id} keeps being changed by other calls`, {
    hint: 'try again',
  });
}

/** How many tokens are in each state; every state is there, also with none. */
export function countTokens(
  tokens: readonly Token[],
  nowMs: EpochMs,
): Readonly<Record<TokenState, number>> {
  const count = { active: 0, 'used-up': 0, expired: 0, revoked: 0 };
  for (const token of tokens) count[tokenState(token, nowMs)] += 1;
  return count;
}

/** What a new token shall be good for. */
interface TokenScope {
  readonly namespace: string;
  /** Undefined: any service of the namespace. */
  readonly service?: string | undefined;
  readonly ttlMs: number;
  /** Undefined: without limit. */
  readonly uses?: number | undefined;
}

/** Below a second it could not be used. */
const MIN_TOKEN_TTL_MS = 1_000;

/** A year: a token that has to live longer belongs into a secret store that renews it. */
const MAX_TOKEN_TTL_MS = 366 * 24 * 60 * 60 * 1000;

/** Throws TokenError `token-invalid`, naming what is not possible. */
function requireScope({ namespace, service, ttlMs, uses }: TokenScope): void {
  requireLabel('namespace', namespace);
  if (service !== undefined) requireLabel('service', service);
  if (namespace === SYSTEM_NAMESPACE) {
    throw invalid(
      `the namespace ${SYSTEM_NAMESPACE} belongs to the mesh itself; nothing can be enrolled in it`,
      'choose another namespace',
    );
  }
  if (!(ttlMs >= MIN_TOKEN_TTL_MS && ttlMs <= MAX_TOKEN_TTL_MS)) {
    const [least, most] = [MIN_TOKEN_TTL_MS / 1000, MAX_TOKEN_TTL_MS / 1000];
    throw invalid(`a token lives for ${least} to ${most} seconds, not ${ttlMs / 1000}`);
  }
  if (uses !== undefined && (!Number.isSafeInteger(uses) || uses < 1)) {
    throw invalid(`a token can be used a whole number of times from 1 on, not ${uses}`);
  }
}

function requireLabel(what: string, text: string): void {
  if (isLabel(text)) return;
  throw invalid(
    `the ${what} must be a DNS label (a-z, 0-9, - and _ inside), not ${JSON.stringify(text.slice(0, 64))}`,
  );
}

function invalid(message: string, hint?: string): TokenError {
  return new TokenError('token-invalid', message, { hint });
}
