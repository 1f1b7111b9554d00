// The files in which a control plane keeps join tokens: there before anybody can connect, replaced
// long before they expire, each good for one service.
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import type { EpochMs } from '../../../common/clock.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import {
  parseTokenFileOrder,
  type TokenFileOrder,
} from '../../../control-plane/config/token-file.ts';
import { keepTokenFiles, TOKEN_FILE_TTL_MS } from '../../../control-plane/tokens/token-files.ts';
import { createTokens, type Redemption } from '../../../control-plane/tokens/tokens.ts';
import { createKeyedMutex } from '../../../control-plane/keyed-mutex.ts';
import { runHauberk, startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createSqliteUnderTest } from '../store/sqlite/sqlite-under-test.ts';

const HALF_MS = TOKEN_FILE_TTL_MS / 2;

async function rig(t: ExecutionContext) {
  const { store, clock, path } = await createSqliteUnderTest(t);
  const log = createLogRecorder();
  const tokens = createTokens({
    store,
    clock,
    mutex: createKeyedMutex(),
    roots: () => ({
      pinned: 'd'.repeat(50),
      accepted: new Set(['d'.repeat(50)]),
      notBeforeMs: 0 as EpochMs,
    }),
  });
  const commit = async ({ compares, operations }: Redemption): Promise<true | undefined> =>
    (await store.transact(compares, operations)).succeeded || undefined;
  return {
    tokens,
    clock,
    log,
    directory: dirname(path),
    async keep(orders: readonly TokenFileOrder[]): Promise<void> {
      const files = await keepTokenFiles(orders, { tokens, clock, logger: log.logger });
      t.teardown(() => files.close());
    },
    redeem(joinToken: string, service: string): Promise<true> {
      const id = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service });
      return tokens.redeem(joinToken.trim(), id, commit);
    },
  };
}

test('a file holds a token for exactly its service, and a fresh one at half of its time', async (t) => {
  const { clock, directory, keep, log, redeem } = await rig(t);
  const path = join(directory, 'web.token');
  await keep([{ namespace: 'shop', service: 'web', path }]);
  const first = await readFile(path, 'utf8');
  t.is((await stat(path)).mode & 0o777, 0o444, 'a sidecar of another user reads it');
  await t.notThrowsAsync(redeem(first, 'web'));
  await t.notThrowsAsync(redeem(first, 'web'), 'any number of times');
  await t.throwsAsync(redeem(first, 'api'), { code: 'token-wrong-identity' });

  await clock.advance(HALF_MS - 1);
  t.is(await readFile(path, 'utf8'), first);
  await clock.advance(1);
  const second = await eventually('the file holds another token', async () => {
    const now = await readFile(path, 'utf8');
    return now === first ? undefined : now;
  });
  await t.notThrowsAsync(redeem(first, 'web'), 'whoever read the old one a moment ago');
  await clock.advance(HALF_MS);
  await t.throwsAsync(redeem(first, 'web'), { code: 'token-expired' });
  await t.notThrowsAsync(redeem(second, 'web'));

  t.like(log.of('token-written')[0], { namespace: 'shop', service: 'web', path });
  const lines = JSON.stringify(log.lines);
  t.false(lines.includes(first.trim()) || lines.includes(second.trim()), 'no secret is logged');
});

test('a file that cannot be replaced is tried again, the others are left alone', async (t) => {
  const { clock, directory, keep, log, redeem } = await rig(t);
  const folder = join(directory, 'tokens');
  await mkdir(folder);
  const [web, api] = [join(folder, 'web'), join(directory, 'api')];
  await keep([
    { namespace: 'shop', service: 'web', path: web },
    { namespace: 'shop', service: 'api', path: api },
  ]);
  const stale = await readFile(api, 'utf8');
  await rm(folder, { recursive: true });
  await clock.advance(HALF_MS);
  await eventually('the next try is planned', () => (clock.pending.length > 0 ? true : undefined));
  t.deepEqual(
    log.of('token-not-written').map((line) => line['path']),
    [web],
  );
  const fresh = await readFile(api, 'utf8');
  t.not(fresh, stale);

  await mkdir(folder);
  await clock.advance(60_000);
  const token = await eventually('the file is there again', () =>
    readFile(web, 'utf8').catch(() => undefined),
  );
  await t.notThrowsAsync(redeem(token, 'web'));
  t.is(await readFile(api, 'utf8'), fresh);
});

test('a real process writes its files before it listens, and a fresh one at each start', async (t) => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'web.token');
  await writeFile(path, 'of a mesh that is gone', { mode: 0o600 });
  const args = [
    'control-plane',
    `--data-dir=${join(directory.path, 'data')}`,
    '--grpc-listen=127.0.0.1:0',
    '--http-listen=127.0.0.1:0',
    `--write-token=shop/web=${path}`,
  ];
  const tokens = new Set<string>();
  for (let starts = 0; starts < 2; starts += 1) {
    const running = startHauberk(args);
    t.teardown(() => running.end('SIGKILL'));
    await running.port('grpc');
    tokens.add(await readFile(path, 'utf8'));
    t.is((await stat(path)).mode & 0o777, 0o444);
    const events = running.log.map(({ event, listener }) =>
      listener === 'grpc' ? listener : event,
    );
    t.true(events.indexOf('token-written') < events.lastIndexOf('grpc'), events.join(' '));
    t.is(await running.end(), 0);
  }
  t.is(tokens.size, 2);
});

test('a file that cannot be written ends the start with one sentence', async (t) => {
  await using directory = await temporaryDirectory();
  const nowhere = join(directory.path, 'nowhere/web.token');
  const common = ['control-plane', `--data-dir=${join(directory.path, 'data')}`];
  const cases: Record<string, RegExp> = {
    [`shop/web=${nowhere}`]: /token file .*nowhere\/web\.token cannot be written/,
    'shop=/web.token': /--write-token.*expected NAMESPACE\/SERVICE=FILE/,
    'hauberk/web=/web.token': /--write-token.*the namespace hauberk belongs to the mesh itself/,
  };
  for (const [order, sentence] of Object.entries(cases)) {
    const { code, stderr } = await runHauberk([
      ...common,
      '--grpc-listen=127.0.0.1:0',
      '--http-listen=127.0.0.1:0',
      `--write-token=${order}`,
    ]);
    t.is(code, 2, stderr);
    t.regex(stderr, sentence);
    t.regex(stderr, /^[^\n]+\n$/);
  }
});

test('an order names a service and a file', (t) => {
  t.deepEqual(parseTokenFileOrder('my_shop/web=/tokens/a=b'), {
    namespace: 'my_shop',
    service: 'web',
    path: '/tokens/a=b',
  });
  for (const text of ['', 'shop/web', 'shop/web=', '/web=x', 'shop/=x', 'a/b/c=x', 'Shop/web=x']) {
    t.is(parseTokenFileOrder(text), undefined, text);
  }
  t.throws(() => parseTokenFileOrder('hauberk/admin=x'), { instanceOf: ConfigError });
});
