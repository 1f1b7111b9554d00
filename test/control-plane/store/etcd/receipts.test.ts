// A control plane that is stopped takes its receipts with it; what is still under way then is not made any more. One that
// cannot reach etcd does not wait for it.
import { eventually } from '../../../helpers/deadline.ts';
import { startEtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { startRelay } from '../../../helpers/etcd/switchable-relay.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { put, putKey } from '../contract/operations.ts';
import { openForTest, ownPrefix } from './etcd-under-test.ts';

const test = requires('etcd', 'etcdctl');

test('a store that is closed leaves no receipts and no lease behind, and those of others', async (t) => {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const { etcdctl } = cluster;
  const prefix = ownPrefix();
  const one = await openForTest(t, cluster, { prefix });
  const other = await openForTest(t, cluster, { prefix });
  const receipts = async (): Promise<number> => {
    const keys = await etcdctl('get', '--prefix', '--keys-only', `${prefix}receipts/`);
    return keys.split('\n').filter((key) => key !== '').length;
  };
  await Promise.all([putKey(one, 'a'), putKey(one, 'b')]);
  await putKey(other, 'c');
  t.true((await receipts()) >= 2);
  await one.close();
  t.is(await receipts(), 1);
  t.regex(await etcdctl('lease', 'list'), /found 1 leases/);
  t.true((await putKey(other, 'd')).succeeded, 'the other goes on');
  await t.throwsAsync(one.transact([], [put('e', '1')]), { code: 'closed' });
  await one.close();
  t.is(await receipts(), 1);
});

test('a transaction that is late when the store is closed is not made', async (t) => {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const [member] = cluster.addresses;
  if (member === undefined) throw new Error('the cluster has no member');
  const relay = await startRelay(t, member);
  const store = await openForTest(t, { addresses: [relay.address] });
  const other = await openForTest(t, cluster);
  await putKey(store, 'warm-up');
  relay.requests('hold');
  const making = t.throwsAsync(store.transact([], [put('key', 'late')]), { code: 'closed' });
  await eventually('the request is held', () => relay.held > 0 || undefined);
  const { revision } = await putKey(other, 'key', 'of another');
  // Etcd does not answer: it does not wait for it.
  await store.close();
  await making;
  t.is((await other.get('key'))?.modRevision, revision);
});
