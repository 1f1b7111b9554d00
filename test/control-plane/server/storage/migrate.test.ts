// The state of a mesh is moved between SQLite and etcd: whole, compared, and never in use at both places.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../../common/clock.ts';
import { mayReject } from '../../../../common/ignored.ts';
import type { StoreLocation } from '../../../../control-plane/config/store-location.ts';
import { openVault } from '../../../../control-plane/keys/vault.ts';
import { sealedStore } from '../../../../control-plane/keys/sealed-store.ts';
import {
  migrateStore,
  type Migrated,
  type MigrateOptions,
} from '../../../../control-plane/server/storage/migrate/migrate-store.ts';
import { openStorage } from '../../../../control-plane/server/storage/open-storage.ts';
import type { Storage } from '../../../../control-plane/server/storage/storage.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite/sqlite-store.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { startEtcdCluster, type EtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { runHauberk } from '../../../helpers/mesh/hauberk-process.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';
import { openForTest } from '../../store/etcd/etcd-under-test.ts';

const test = requires('etcd', 'etcdctl');
const mountingTest = requires('etcd', 'etcdctl', 'network-namespaces');

const { logger } = createLogRecorder();
const unlockKey = { kind: 'key', key: randomBytes(32) } as const;
const ETCD = {
  storeCa: undefined,
  storeCert: undefined,
  storeKey: undefined,
  storeUser: undefined,
  storePasswordFile: undefined,
  storePrefix: '/hauberk/',
};

interface Rig {
  readonly cluster: EtcdCluster;
  readonly directory: string;
  readonly etcd: StoreLocation & { readonly kind: 'etcd' };
  file(name: string): StoreLocation & { readonly kind: 'sqlite' };
  migrate(
    from: StoreLocation,
    to: StoreLocation,
    more?: Partial<MigrateOptions>,
  ): Promise<Migrated>;
  /** As a control plane does. */
  open(store: StoreLocation): Promise<Storage>;
}

async function rig(t: ExecutionContext): Promise<Rig> {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  return {
    cluster,
    directory: directory.path,
    etcd: { kind: 'etcd', addresses: cluster.addresses, plaintext: true },
    file: (name) => ({ kind: 'sqlite', path: join(directory.path, name) }),
    migrate: (from, to, more = {}) =>
      migrateStore({ from, to, etcd: ETCD, unlockKey, clock: systemClock, logger, ...more }),
    open: (store) =>
      openStorage({ dataDir: directory.path, store, ...ETCD }, { clock: systemClock, logger }),
  };
}

/** Some of everything: secrets, what is on a lease, more than a transaction takes. */
async function fill(store: Store): Promise<void> {
  const put = (key: string, value: string, lease?: string) =>
    store.transact([], [{ kind: 'put', key, value: Buffer.from(value), ...(lease && { lease }) }]);
  await put('ca/root', 'the private key of the root');
  await put('ca/issuer', 'the private key of the issuer');
  const lease = await store.grantLease(60_000);
  await put('mesh/sidecars/one', 'an endpoint', lease);
  for (let at = 0; at < 230; at += 1) await put(`tokens/${at}`, `token ${at}`);
  await put('big/1', 'x'.repeat(700_000));
  await put('big/2', 'y'.repeat(700_000));
  await put('leader/control-plane', '{"id":"a control plane that was killed"}');
}

async function filled(t: ExecutionContext, location: StoreLocation): Promise<number> {
  if (location.kind !== 'sqlite') throw new TypeError('expected a file');
  const store = await openSqliteStore({ path: location.path, clock: systemClock, logger });
  await fill(store);
  const { revision } = await store.range('');
  await store.close();
  return revision;
}

const contents = async (store: Store): Promise<readonly string[]> =>
  (await store.range('')).entries.map(
    ({ key, value, lease }) => `${key} ${value.toString('base64')} ${lease === undefined}`,
  );

test('there and back everything is as it was, under later revisions, and secrets are encrypted in etcd', async (t) => {
  const { etcd, file, migrate, open, cluster } = await rig(t);
  const [before, after] = [file('before.db'), file('after.db')];
  const revision = await filled(t, before);
  const there = await migrate(before, etcd);
  t.is(there.keys, 236, 'with the vault, without who leads');
  t.true(there.sealed);
  t.regex(there.to, /^etcd\+plaintext:\/\/127\.0\.0\.1:\d+ \(\/hauberk\/\)$/);
  const get = (prefix: string) => cluster.etcdctl('get', '--prefix', `/hauberk/data/${prefix}`);
  t.false((await get('ca/')).includes('private key of'), 'no secret is readable');
  t.true((await get('tokens/')).includes('token 229'), 'the test would see it');

  const inEtcd = await open(etcd);
  const vault = await openVault(inEtcd.store, unlockKey);
  if (vault === undefined) return t.fail('expected a vault');
  const root = await sealedStore(inEtcd.store, vault.dataKey).get('ca/root');
  t.is(root?.value.toString(), 'the private key of the root');
  t.true((root?.modRevision ?? 0) > revision);
  t.not((await inEtcd.store.get('mesh/sidecars/one'))?.lease, undefined);
  const stored = await contents(inEtcd.store);
  const { revision: highest } = await inEtcd.store.range('');
  await inEtcd.close();

  const back = await migrate(etcd, after, { unlockKey: undefined });
  t.deepEqual([back.keys, back.sealed], [236, false], 'what is encrypted needs no key to be moved');
  const inFile = await open(after);
  t.deepEqual(await contents(inFile.store), stored);
  t.true((await inFile.store.range('')).revision > highest);
  await t.throwsAsync(
    inFile.store.watch('', highest, () => undefined),
    { code: 'compacted' },
  );
  await inFile.close();
});

test('what must not be moved is refused with a sentence, and nothing is changed', async (t) => {
  const { etcd, file, migrate, open, cluster } = await rig(t);
  const source = file('source.db');
  await t.throwsAsync(migrate(source, etcd), { message: /^there is no store .*source\.db$/ });
  await filled(t, source);
  await t.throwsAsync(migrate(source, file('other.db')), {
    message: '--from and --to both name a store of sqlite',
  });
  await t.throwsAsync(migrate(etcd, file('other.db')), {
    message: 'there is no store under /hauberk/ in etcd',
  });
  await t.throwsAsync(migrate(source, etcd, { unlockKey: undefined }), {
    code: 'unlock-key-missing',
    message: /^a store in etcd holds the private keys of the mesh encrypted only/,
  });
  t.is(await cluster.etcdctl('get', '--prefix', '/'), '');

  const running = await open(source);
  await t.throwsAsync(migrate(source, etcd), { code: 'locked' });
  await running.close();
  await cluster.etcdctl('put', '/hauberk/data/control-planes/abc', '{}');
  await cluster.etcdctl('put', '/hauberk/schema', schema());
  await t.throwsAsync(migrate(source, etcd), { code: 'locked', message: /^a control plane uses/ });
  await t.throwsAsync(migrate(etcd, file('other.db')), { message: /^a control plane uses/ });
  await cluster.etcdctl('del', '--prefix', '/hauberk/data/');
  await cluster.etcdctl('put', '/hauberk/data/tokens/1', 'of another mesh');
  await t.throwsAsync(migrate(source, etcd), {
    code: 'locked',
    message: /holds data already$/,
  });
  await filled(t, file('other.db'));
  await t.throwsAsync(migrate(etcd, file('other.db')), { message: /there is a store already/ });

  await cluster.etcdctl('del', '--prefix', '/hauberk/data/');
  const moved = await migrate(source, etcd);
  t.is(moved.keys, 236, 'after all that, it can be moved');
});

const schema = (): string =>
  JSON.stringify({ hauberk: 'store', version: 1, neededVersion: '0.1.0', revisionOffset: 0 });

test('a wrong unlock key is refused before anything is written', async (t) => {
  const { etcd, file, migrate } = await rig(t);
  await filled(t, file('a.db'));
  await migrate(file('a.db'), etcd);
  const wrong = { kind: 'key', key: randomBytes(32) } as const;
  await t.throwsAsync(migrate(etcd, file('b.db'), { unlockKey: wrong }), {
    code: 'unlock-key-wrong',
  });
  t.false(existsSync(file('b.db').path));
  await migrate(etcd, file('b.db'));
});

/** What a store says of a migration, as `migration-record.ts` writes it. */
const record = (state: string, other: string): string => JSON.stringify({ state, other });

test('one that is interrupted is run again: until then no control plane starts on the half of it', async (t) => {
  const { etcd, file, migrate, open, cluster } = await rig(t);
  const source = file('source.db');
  await filled(t, source);
  const { etcdctl } = await withHalfARole(cluster);
  const user = { ...ETCD, storeUser: 'hauberk', storePasswordFile: await passwordFile(file) };
  await t.throwsAsync(migrate(source, etcd, { etcd: user }), { code: 'denied' });
  const half = await etcdctl('get', '--prefix', '--keys-only', '/hauberk/data/');
  t.true(half.includes('/hauberk/data/big/1'));
  t.false(half.includes('tokens'));
  await etcdctl('put', '/hauberk/data/gone', 'is in the first try only');
  await etcdctl('auth', 'disable');

  await t.throwsAsync(open(etcd), {
    code: 'moved',
    message: /^the store is not complete: a migration from sqlite:.*source\.db into it has begun/,
  });
  await t.throwsAsync(migrate(etcd, file('other.db')), { message: /^the store is not complete/ });
  await (await open(source)).close();
  t.pass('the source is used as before, until it is run again');

  await migrate(source, etcd);
  const inEtcd = await open(etcd);
  t.is(await inEtcd.store.get('gone'), undefined, 'the second try begins from the start');
  t.is((await inEtcd.store.get('tokens/229'))?.value.toString(), 'token 229');
  await inEtcd.close();
});

/** A user who may write what comes before the tokens, and read everything. */
async function withHalfARole(cluster: EtcdCluster): Promise<Pick<EtcdCluster, 'etcdctl'>> {
  const { etcdctl } = cluster;
  await etcdctl('user', 'add', 'root:rootpw');
  await etcdctl('user', 'grant-role', 'root', 'root');
  await etcdctl('role', 'add', 'half');
  const grant = ['role', 'grant-permission', 'half'];
  await etcdctl(...grant, '--prefix=true', 'read', '/hauberk/');
  await etcdctl(...grant, 'readwrite', '/hauberk/', '/hauberk/data/tokens/');
  await etcdctl(...grant, '--prefix=true', 'readwrite', '/hauberk/receipts/');
  await etcdctl(...grant, 'readwrite', '/hauberk/schema');
  await etcdctl(...grant, 'readwrite', '/hauberk/data/vault');
  await etcdctl('user', 'add', 'hauberk:secret');
  await etcdctl('user', 'grant-role', 'hauberk', 'half');
  await etcdctl('auth', 'enable');
  return { etcdctl: (...args) => etcdctl('--user=root:rootpw', ...args) };
}

async function passwordFile(file: Rig['file']): Promise<string> {
  const { path } = file('password');
  await writeFile(path, 'secret\n', { mode: 0o600 });
  return path;
}

test('what has ended between the two stores is brought to its end by another run', async (t) => {
  const { etcd, file, migrate, open, cluster } = await rig(t);
  const source = file('source.db');
  await filled(t, source);
  await migrate(source, etcd);
  // As if it had been killed after the source has left, and before the target was complete.
  const arriving = record('arriving', `sqlite:${source.path}`);
  await cluster.etcdctl('put', '/hauberk/data/migration', arriving);
  await filled(t, file('another.db'));
  await t.throwsAsync(migrate(file('another.db'), etcd), {
    code: 'moved',
    message: /^the store is not complete: a migration from sqlite:.*source\.db into it has begun/,
  });
  for (const store of [source, etcd]) await t.throwsAsync(open(store), { code: 'moved' });
  await t.throwsAsync(migrate(source, { ...etcd, addresses: [{ host: 'localhost', port: 1 }] }), {
    code: 'moved',
    message: /^the state of this store was moved to etcd\+plaintext:\/\/127/,
  });
  t.is((await migrate(source, etcd)).keys, 236);
  await (await open(etcd)).close();
  await t.throwsAsync(open(source), {
    code: 'moved',
    message: /^the state of this store was moved to etcd\+plaintext:/,
  });
  await t.throwsAsync(migrate(source, etcd), { code: 'locked', message: /holds data already$/ });

  // A file that another run has left.
  const left = await openSqliteStore({
    path: `${file('back.db').path}.migrating`,
    clock: systemClock,
    logger,
  });
  await left.transact([], [{ kind: 'put', key: 'gone', value: Buffer.from('x') }]);
  await t.throwsAsync(migrate(etcd, file('back.db')), { code: 'locked' });
  await left.close();
  await migrate(etcd, file('back.db'));
  const back = await open(file('back.db'));
  t.is(await back.store.get('gone'), undefined);
  await back.close();
  t.deepEqual(
    (await readdir(dirname(file('back.db').path))).filter((name) => name.includes('migrating')),
    [],
  );
});

test('a store in etcd that is being moved lets no control plane start, and no second one move it', async (t) => {
  const { etcd, file, migrate, open, cluster } = await rig(t);
  await filled(t, file('a.db'));
  await migrate(file('a.db'), etcd);
  await cluster.etcdctl('put', '/hauberk/data/migration', record('leaving', 'sqlite:b.db'));
  const refused = {
    code: 'moved',
    message: 'the state of this store is being moved to sqlite:b.db',
    hint: /try again in a minute$/,
  };
  t.like(await t.throwsAsync(open(etcd)), { code: refused.code, message: refused.message });
  t.like(await t.throwsAsync(migrate(etcd, file('c.db'))), { message: refused.message });
  await cluster.etcdctl('del', '/hauberk/data/migration');
  // Its lease has ended while it was copied: the source may be in use.
  const store = await openForTest(t, cluster);
  const { revision } = await store.range('', { limit: 1 });
  const watch = await store.watch('migration', revision + 1, ({ events }) => {
    if (events.some(({ kind }) => kind === 'put')) {
      mayReject(store.transact([], [{ kind: 'delete', key: 'migration' }]));
    }
  });
  await t.throwsAsync(migrate(etcd, file('c.db')), {
    code: 'moved',
    message: 'the source could not be held while it was copied',
  });
  t.false(existsSync(file('c.db').path));
  await watch.close();
  await migrate(etcd, file('c.db'));
});

test('a store that a control plane has begun and not used is taken, and counts on from the source', async (t) => {
  const { etcd, file, migrate, open, cluster } = await rig(t);
  const revision = await filled(t, file('a.db'));
  await (await openForTest(t, cluster)).close();
  await migrate(file('a.db'), etcd);
  const { store, close } = await open(etcd);
  t.true((await store.range('')).revision > revision);
  await close();
});

/** Runs a command with a disk of its own at a directory, of 1.6 MB. */
const onSmallDisk = (directory: string): readonly string[] => {
  const script = 'mount -t tmpfs -o size=1600k tmpfs "$0" && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, directory];
};

mountingTest('a file that is not whole, as its disk is full, is not taken for one', async (t) => {
  const { etcd, file, migrate, open, directory } = await rig(t);
  const source = await openSqliteStore({ path: file('a.db').path, clock: systemClock, logger });
  // SQLite has it in its log, with room for that, before it has to be in the file as well.
  for (const key of ['ca/1', 'ca/2', 'ca/3']) {
    await source.transact([], [{ kind: 'put', key, value: randomBytes(300_000) }]);
  }
  await source.close();
  await migrate(file('a.db'), etcd);
  const small = join(directory, 'small');
  await mkdir(small);
  const members = etcd.addresses.map(({ host, port }) => `${host}:${port}`).join(',');
  const flags = ['--from', `etcd+plaintext://${members}`, '--to', `sqlite:${small}/b.db`];
  const through = onSmallDisk(small);
  const { code, stderr } = await runHauberk(['store', 'migrate', ...flags], { through });
  t.not(code, 0);
  t.regex(stderr, /b\.db\.migrating could not be written to its end.*make room/s);
  await (await open(etcd)).close();
  t.pass('the source is used as before');
});
