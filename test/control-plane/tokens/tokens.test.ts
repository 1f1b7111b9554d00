import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { EpochMs } from '../../../common/clock.ts';
import { parseJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { spiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import {
  countTokens,
  createTokens,
  type Redemption,
  type Tokens,
} from '../../../control-plane/tokens/tokens.ts';
import { createKeyedMutex } from '../../../control-plane/keyed-mutex.ts';
import { leadStore } from '../../helpers/mesh/leading-store.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock, type ManualClock } from '../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

interface Rig {
  readonly directory: string;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly tokens: Tokens;
  /** As another control plane on the same store would see it. */
  readonly others: Tokens;
  readonly commit: (redemption: Redemption) => Promise<true | undefined>;
}

async function rig(t: ExecutionContext): Promise<Rig> {
  const directory = await temporaryDirectory();
  const clock = createManualClock();
  const { logger } = createLogRecorder();
  const store = await openSqliteStore({ path: join(directory.path, 'x.db'), clock, logger });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  const create = (): Tokens =>
    createTokens({
      store,
      clock,
      mutex: createKeyedMutex(),
      roots: () => ({
        pinned: 'd'.repeat(50),
        accepted: new Set(['d'.repeat(50)]),
        notBeforeMs: 0 as EpochMs,
      }),
    });
  return {
    directory: directory.path,
    store,
    clock,
    tokens: create(),
    others: create(),
    async commit({ compares, operations }) {
      const { succeeded } = await store.transact(compares, operations);
      return succeeded || undefined;
    },
  };
}

const id = (namespace: string, service: string): SpiffeId =>
  spiffeId({ trustDomain: 'mesh.local', namespace, service });

test('a token is for its namespace, or for its one service', async (t) => {
  const { tokens, commit } = await rig(t);
  const wide = await tokens.create({ namespace: 'shop', ttlMs: DAY_MS });
  const narrow = await tokens.create({ namespace: 'shop', service: 'web', ttlMs: DAY_MS });
  const wrong = { code: 'token-wrong-identity' };
  t.true(await tokens.redeem(wide.joinToken, id('shop', 'web'), commit));
  t.true(await tokens.redeem(wide.joinToken, id('shop', 'api'), commit));
  await t.throwsAsync(tokens.redeem(wide.joinToken, id('other', 'web'), commit), wrong);
  t.true(await tokens.redeem(narrow.joinToken, id('shop', 'web'), commit));
  await t.throwsAsync(tokens.redeem(narrow.joinToken, id('shop', 'api'), commit), wrong);
  await t.throwsAsync(tokens.redeem(wide.joinToken, id('hauberk', 'admin'), commit), wrong);
});

test('two control planes on one store do not use a token more often than it may be', async (t) => {
  const { tokens, others, commit } = await rig(t);
  const { joinToken } = await tokens.create({ namespace: 'shop', ttlMs: DAY_MS, uses: 5 });
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, at) =>
      (at % 2 === 0 ? tokens : others).redeem(joinToken, id('shop', 'web'), commit),
    ),
  );
  t.is(results.filter(({ status }) => status === 'fulfilled').length, 5);
  t.is((await tokens.list())[0]?.uses, 5);
});

test('a use that was not written down does not count', async (t) => {
  const { tokens, commit } = await rig(t);
  const { joinToken } = await tokens.create({ namespace: 'shop', ttlMs: DAY_MS, uses: 1 });
  const failure = new Error('no space');
  const failing = tokens.redeem(joinToken, id('shop', 'web'), () => Promise.reject(failure));
  t.is(await t.throwsAsync(failing), failure);
  t.true(await tokens.redeem(joinToken, id('shop', 'web'), commit));
});

test('a token that is revoked while it is being used is not used', async (t) => {
  const { tokens, others, commit } = await rig(t);
  const { joinToken, token } = await tokens.create({ namespace: 'shop', ttlMs: DAY_MS });
  const redeemed = tokens.redeem(joinToken, id('shop', 'web'), async (redemption) => {
    await others.revoke(token.id);
    return commit(redemption);
  });
  await t.throwsAsync(redeemed, { code: 'token-revoked' });
  t.is((await tokens.list())[0]?.uses, 0);
});

test('the secret of a token is not stored', async (t) => {
  const { tokens, directory } = await rig(t);
  const { joinToken, token } = await tokens.create({ namespace: 'shop', ttlMs: DAY_MS });
  const files = await readdir(directory);
  const contents = await Promise.all(
    files.map((file) => readFile(join(directory, file), 'latin1')),
  );
  const stored = contents.join('\n');
  t.true(stored.includes(token.id), 'the token itself is');
  t.false(stored.includes(parseJoinToken(joinToken).secret));
});

test('tokens that are of no use are listed for a week', async (t) => {
  const { store, tokens, clock } = await rig(t);
  const scope = { namespace: 'shop' };
  const revoked = await tokens.create({ ...scope, ttlMs: 300 * DAY_MS });
  await tokens.create({ ...scope, ttlMs: DAY_MS });
  const kept = await tokens.create({ ...scope, ttlMs: 300 * DAY_MS });
  await clock.advance(DAY_MS);
  await tokens.revoke(revoked.token.id);
  const states = async () => countTokens(await tokens.list(), clock.epochMs());
  t.deepEqual(await states(), { active: 1, expired: 1, revoked: 1, 'used-up': 0 });
  await clock.advance(7 * DAY_MS);
  await tokens.prune(clock.epochMs(), (await leadStore(store)).leading);
  t.is((await tokens.list()).length, 3, 'not earlier');
  await clock.advance(1);
  await tokens.prune(clock.epochMs(), (await leadStore(store)).leading);
  t.deepEqual(
    (await tokens.list()).map((token) => token.id),
    [kept.token.id],
  );
});

test('a use is spent once, however many control planes are asked at once', async (t) => {
  const { tokens, others, commit } = await rig(t);
  const { joinToken, token } = await tokens.create({ namespace: 'shop', ttlMs: DAY_MS, uses: 5 });
  const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
  const tries = Array.from({ length: 40 }, (_, at) =>
    (at % 2 === 0 ? tokens : others).redeem(joinToken, web, commit),
  );
  const ends = await Promise.allSettled(tries);
  t.is(ends.filter(({ status }) => status === 'fulfilled').length, 5);
  const reasons = ends.flatMap((end) =>
    end.status === 'rejected' ? [(end.reason as { code: string }).code] : [],
  );
  t.deepEqual([...new Set(reasons)], ['token-used-up']);
  t.is((await tokens.list()).find((one) => one.id === token.id)?.uses, 5);
});
