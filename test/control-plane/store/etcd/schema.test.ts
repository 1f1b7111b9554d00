// What is under the prefix is looked at before anything is read or written there.
import { startEtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { putKey } from '../contract/operations.ts';
import { openForTest } from './etcd-under-test.ts';

const test = requires('etcd', 'etcdctl');

test('a store is begun where there is nothing, once, by several at the same time', async (t) => {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const stores = await Promise.all([1, 2, 3].map(() => openForTest(t, cluster)));
  for (const [index, store] of stores.entries()) await putKey(store, `k/${index}`);
  t.is((await stores[0]?.range('k/'))?.entries.length, 3);
  const schema = JSON.parse(
    await cluster.etcdctl('get', '--print-value-only', '/hauberk/schema'),
  ) as object;
  t.like(schema, { hauberk: 'store', version: 1 });
});

test('data of another program under the prefix is refused; beside it there is room', async (t) => {
  const cluster = await startEtcdCluster(t, { members: 1 });
  await cluster.etcdctl('put', '/hauberk/registry/pods', 'x');
  const refused = {
    code: 'incompatible',
    message: 'what is under /hauberk/ in etcd was written by another program',
    hint: 'choose another --store-prefix for the mesh',
  };
  t.like(await t.throwsAsync(openForTest(t, cluster)), refused);
  await cluster.etcdctl('put', '/hauberk/schema', 'version 7');
  t.like(await t.throwsAsync(openForTest(t, cluster)), refused);
  await t.notThrowsAsync(openForTest(t, cluster, { prefix: '/hauberk-two/' }));
  t.is(await cluster.etcdctl('get', '--print-value-only', '/hauberk/registry/pods'), 'x\n');
});

test('a store of a newer Hauberk is refused, and it says which version is needed', async (t) => {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const schema = { hauberk: 'store', version: 2, neededVersion: '7.1.0', revisionOffset: 0 };
  await cluster.etcdctl('put', '/hauberk/schema', JSON.stringify(schema));
  t.like(await t.throwsAsync(openForTest(t, cluster)), {
    code: 'incompatible',
    hint: 'run Hauberk 7.1.0 or later, or restore a backup from before the upgrade',
  });
});

test('a store that was begun ahead of etcd counts on from there', async (t) => {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const first = await openForTest(t, cluster, { revisionOffset: 1_000_000 });
  const { revision } = await putKey(first, 'k', '1');
  t.true(revision > 1_000_000);
  const second = await openForTest(t, cluster);
  t.is((await second.get('k'))?.modRevision, revision, 'also for those that come later');
  const compare = (modRevision: number) => second.transact([{ key: 'k', modRevision }], []);
  t.true((await compare(revision)).succeeded);
  t.false((await compare(revision - 1_000_000)).succeeded, 'not by the number that etcd has');
  t.false((await compare(1_000_000)).succeeded, 'and not as a key that is not there');
  await t.throwsAsync(
    second.watch('k', 1_000_000, () => {}),
    { code: 'compacted' },
  );
});
