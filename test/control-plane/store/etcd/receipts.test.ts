// A control plane that is stopped takes its receipts with it. One that cannot reach etcd does not wait for it.
import { systemClock } from '../../../../common/clock.ts';
import { Receipts } from '../../../../control-plane/store/etcd/receipts.ts';
import { StoreError } from '../../../../control-plane/store/store-error.ts';
import { KVService, LeaseService } from '../../../../proto/gen/etcdserverpb/rpc.ts';
import { eventually, within } from '../../../helpers/deadline.ts';
import { startEtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { startRelay } from '../../../helpers/etcd/switchable-relay.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
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
  await Promise.all([one.close(), one.close()]);
  t.is(await receipts(), 1);
  t.regex(await etcdctl('lease', 'list'), /found 1 leases/);
  t.true((await putKey(other, 'd')).succeeded, 'the other goes on');
  await t.throwsAsync(one.transact([], [put('e', '1')]), { code: 'closed' });
  await one.close();
  t.is(await receipts(), 1);
});

test('closing does not wait for an etcd that does not answer', async (t) => {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const [member] = cluster.addresses;
  if (member === undefined) throw new Error('the cluster has no member');
  const relay = await startRelay(t, member);
  // Its calls are not given up, as the time for that does not pass.
  const clock = createManualClock();
  const store = await openForTest(t, { addresses: [relay.address] }, { clock });
  await putKey(store, 'warm-up');
  relay.requests('hold');
  const making = t.throwsAsync(store.transact([], [put('key', 'late')]), { code: 'closed' });
  await eventually('the request is held', () => relay.held > 0 || undefined);
  const closing = Promise.resolve(store.close());
  await clock.advance(1_000);
  await within('the store is closed', closing);
  await making;
});

test('no lease is granted for receipts that are being closed', async (t) => {
  const asked: string[] = [];
  const late = Promise.withResolvers<never>();
  const answers: Readonly<Record<string, (() => unknown)[]>> = {
    // One that is given up, and what makes sure of its end before the next one.
    [KVService.txn.path]: [() => Promise.reject(failure('unavailable')), () => late.promise],
  };
  const receipts = new Receipts({
    clock: systemClock,
    prefix: 'receipts/',
    client: {
      names: 'etcd.test',
      async call({ path }) {
        asked.push(path);
        return (await (answers[path]?.shift() ?? (() => ({ TTL: 0 })))()) as never;
      },
    },
  });
  await t.throwsAsync(receipts.transact([], []), { code: 'unavailable' });
  const making = t.throwsAsync(receipts.transact([], []), { code: 'closed' });
  await receipts.close();
  late.reject(failure('lease-not-found'));
  await making;
  const ofLease = asked.filter((path) => path !== KVService.txn.path);
  const { leaseGrant, leaseRevoke, leaseKeepAlive } = LeaseService;
  t.deepEqual(
    ofLease,
    [leaseGrant, leaseRevoke, leaseKeepAlive].map(({ path }) => path),
  );
});

const failure = (code: 'unavailable' | 'lease-not-found'): StoreError => new StoreError(code, code);
