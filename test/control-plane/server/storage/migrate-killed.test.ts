// `hauberk store migrate` is killed in the middle: the source is what it was, no control plane starts on the half of a target,
// and another run moves everything, or says what to wait for.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../../common/clock.ts';
import { openStorage } from '../../../../control-plane/server/storage/open-storage.ts';
import type { StoreLocation } from '../../../../control-plane/config/store-location.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import { within } from '../../../helpers/deadline.ts';
import { startEtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { runHauberk, startHauberk } from '../../../helpers/mesh/hauberk-process.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';

const test = requires('etcd', 'etcdctl');
const { logger } = createLogRecorder();
const TOKENS = 300;
/** In the order of keys, and so in the last transaction of the copy. */
const LAST = 'tokens/99';
const STORE = {
  storeCa: undefined,
  storeCert: undefined,
  storeKey: undefined,
  storeUser: undefined,
  storePasswordFile: undefined,
  storePrefix: '/hauberk/',
};

/** Everything that a store has, as a control plane reads it. */
async function contents(dataDir: string, store: StoreLocation): Promise<readonly string[]> {
  const storage = await openStorage({ dataDir, store, ...STORE }, { clock: systemClock, logger });
  try {
    const { entries } = await storage.store.range('');
    return entries.map(({ key, value }) => `${key} ${value.toString('base64')}`);
  } finally {
    await storage.close();
  }
}

/** The way to etcd, which holds for ever what is sent from the moment on that something is said, or is so. */
async function heldFrom(
  t: ExecutionContext,
  target: number,
  isTime: (sent: Buffer) => boolean,
): Promise<{ readonly port: number; readonly held: Promise<void> }> {
  const { promise: held, resolve } = Promise.withResolvers<void>();
  const sockets: Socket[] = [];
  let isHeld = false;
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: target });
    for (const socket of [near, far]) socket.on('error', () => {});
    sockets.push(near, far);
    let last = Buffer.alloc(0);
    near.on('data', (chunk: Buffer) => {
      // It may be said across the border of two chunks.
      isHeld ||= isTime(Buffer.concat([last, chunk]));
      last = Buffer.from(chunk.subarray(-64));
      if (isHeld) resolve();
      else far.write(chunk);
    });
    far.pipe(near);
    near.once('close', () => far.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a TCP port');
  return { port: address.port, held };
}

async function rig(t: ExecutionContext) {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const dataDir = directory.path;
  const unlock = join(dataDir, 'unlock');
  await writeFile(unlock, randomBytes(32), { mode: 0o600 });
  const path = join(dataDir, 'source.db');
  const store = await openSqliteStore({ path, clock: systemClock, logger });
  await store.transact([], [{ kind: 'put', key: 'ca/root', value: Buffer.from('a private key') }]);
  for (let at = 0; at < TOKENS; at += 1) {
    const value = Buffer.from(`token ${at}`);
    await store.transact([], [{ kind: 'put', key: `tokens/${at}`, value }]);
  }
  await store.close();
  const port = cluster.addresses[0]?.port ?? 0;
  const argumentsOf = (from: string, to: string): readonly string[] =>
    ['store', 'migrate', `--from=${from}`, `--to=${to}`, `--unlock-key-file=${unlock}`] as const;
  return {
    cluster,
    port,
    source: { kind: 'sqlite', path } as const,
    target: { kind: 'sqlite', path: join(dataDir, 'target.db') } as const,
    etcd: { kind: 'etcd', addresses: cluster.addresses, plaintext: true } as const,
    contentsOf: (one: StoreLocation) => contents(dataDir, one),
    migrate: (from: string, to: string) => runHauberk(argumentsOf(from, to)),
    async killedWhen(held: Promise<void>, from: string, to: string): Promise<void> {
      const migration = startHauberk(argumentsOf(from, to));
      const ended = migration.exited.then((code) => {
        throw new Error(`it ended with ${code}: ${migration.output()}`);
      });
      await within('the migration is in the middle', Promise.race([held, ended]), 45_000);
      ended.catch(() => {});
      t.is(await migration.end('SIGKILL'), 'SIGKILL');
    },
  };
}

const etcdAt = (port: number): string => `etcd+plaintext://127.0.0.1:${port}`;

test('killed while it writes into etcd: the file is as it was, and another run moves it', async (t) => {
  const { cluster, port, source, etcd, contentsOf, migrate, killedWhen } = await rig(t);
  const before = await contentsOf(source);
  const way = await heldFrom(t, port, (sent) => sent.includes(LAST));
  await killedWhen(way.held, `sqlite:${source.path}`, etcdAt(way.port));
  const half = await cluster.etcdctl('get', '--prefix', '--keys-only', '/hauberk/data/');
  t.true(half.includes('/hauberk/data/tokens/0'));
  t.false(half.includes(LAST));
  await t.throwsAsync(contentsOf(etcd), {
    code: 'moved',
    message: /^the store is not complete: a migration from sqlite:.*source\.db into it has begun/,
  });
  t.deepEqual(await contentsOf(source), before, 'a control plane can start on it again');

  const again = await migrate(`sqlite:${source.path}`, etcdAt(port));
  t.is(again.code, 0, again.stderr);
  t.regex(again.stdout, /^moved \d+ keys from sqlite:.*source\.db to etcd\+plaintext:/);
  const tokens = (all: readonly string[]) => all.filter((one) => one.startsWith('tokens/'));
  t.deepEqual(tokens(await contentsOf(etcd)), tokens(before));
  await t.throwsAsync(contentsOf(source), { code: 'moved' });
});

test('killed when the file is written: etcd is held for 30 s, then it is as it was, and another run moves it', async (t) => {
  const { cluster, port, source, target, etcd, contentsOf, migrate, killedWhen } = await rig(t);
  const there = await migrate(`sqlite:${source.path}`, etcdAt(port));
  t.is(there.code, 0, there.stderr);
  const before = await contentsOf(etcd);
  const unfinished = `${target.path}.migrating`;
  const way = await heldFrom(t, port, () => existsSync(unfinished));
  await killedWhen(way.held, etcdAt(way.port), `sqlite:${target.path}`);
  t.true(existsSync(unfinished));
  t.false(
    existsSync(target.path),
    'nothing is there that a control plane would take for its store',
  );

  const early = await migrate(etcdAt(port), `sqlite:${target.path}`);
  t.is(early.code, 2);
  t.is(early.stderr.trim().split('\n').length, 1, early.stderr);
  t.regex(early.stderr, /is being moved to sqlite:.*target\.db/);
  // As its time is over.
  const json = await cluster.etcdctl('get', '-w', 'json', '/hauberk/data/migration');
  const [, lease = ''] = /"lease":(\d+)/.exec(json) ?? [];
  await cluster.etcdctl('lease', 'revoke', BigInt(lease).toString(16));
  t.deepEqual(await contentsOf(etcd), before, 'a control plane can start on it again');

  const again = await migrate(etcdAt(port), `sqlite:${target.path}`);
  t.is(again.code, 0, again.stderr);
  t.false(existsSync(unfinished));
  const kept = (all: readonly string[]) => all.filter((one) => !one.startsWith('leader/'));
  t.deepEqual(kept(await contentsOf(target)), kept(before));
  await t.throwsAsync(contentsOf(etcd), { code: 'moved' });
});
