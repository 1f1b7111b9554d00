// etcd forgets the past when it is compacted. A watch that was cut off meanwhile tells what differs, in one batch; one
// that begins there is refused, as in every store.
import type { ExecutionContext } from 'ava';
import type { Store } from '../../../../control-plane/store/store.ts';
import { startEtcdCluster, type EtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { startRelay, type SwitchableRelay } from '../../../helpers/etcd/switchable-relay.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { put, putKey } from '../contract/operations.ts';
import { recordWatch } from '../contract/watch-recorder.ts';
import { openForTest } from './etcd-under-test.ts';

const test = requires('etcd', 'etcdctl');

interface Rig {
  readonly cluster: EtcdCluster;
  readonly relay: SwitchableRelay;
  /** Has no way past the relay. */
  readonly store: Store;
  readonly other: Store;
}

async function rig(t: ExecutionContext): Promise<Rig> {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const [member] = cluster.addresses;
  if (member === undefined) throw new Error('the cluster has no member');
  const relay = await startRelay(t, member);
  return {
    cluster,
    relay,
    store: await openForTest(t, { addresses: [relay.address] }),
    other: await openForTest(t, cluster),
  };
}

test('a watch that missed changes which were compacted tells what differs', async (t) => {
  const { cluster, relay, store, other } = await rig(t);
  for (const key of ['k/stays', 'k/changes', 'k/goes', 'k/returns']) await putKey(other, key, '1');
  await putKey(other, 'elsewhere', '1');
  const { revision } = await putKey(other, 'ca/key', 'secret');
  const watch = await recordWatch(t, store, 'k/', revision + 1);
  const secrets = await recordWatch(t, store, 'ca/', revision + 1);
  relay.cut(true);
  await putKey(other, 'k/changes', '2');
  await putKey(other, 'k/changes', '3');
  await putKey(other, 'k/comes', '1');
  await putKey(other, 'k/passes', '1');
  await putKey(other, 'ca/key', 'another');
  await other.transact([], [{ kind: 'delete', key: 'k/returns' }]);
  await putKey(other, 'k/returns', '2');
  await other.transact([], [{ kind: 'delete', key: 'k/passes' }]);
  const last = await other.transact([], [{ kind: 'delete', key: 'k/goes' }]);
  await cluster.etcdctl('compact', String(last.revision));
  relay.cut(false);
  await watch.until('what differs', ({ length }) => length === 1);
  const at = last.revision;
  t.deepEqual(watch.lines, [`${at} -k/goes +k/changes=3 +k/comes=1 +k/returns=2`]);
  await secrets.until('the secret', ({ length }) => length === 1);
  t.deepEqual(secrets.lines, [`${at} ?ca/key`]);
  const next = await putKey(other, 'k/stays', '2');
  await watch.until('what happens next', ({ length }) => length === 2);
  t.is(watch.lines[1], `${next.revision} +k/stays=2`, 'and nothing is told twice');
});

test('a watch that missed nothing goes on, although everything was compacted', async (t) => {
  const { cluster, relay, store, other } = await rig(t);
  const { revision } = await putKey(other, 'k/1', '1');
  const watch = await recordWatch(t, store, 'k/', revision + 1);
  const second = await putKey(other, 'k/2', '1');
  await watch.until('the change', ({ length }) => length === 1);
  relay.cut(true);
  await cluster.etcdctl('compact', String(second.revision));
  await putKey(other, 'elsewhere');
  relay.cut(false);
  const third = await putKey(other, 'k/3', '1');
  await watch.until('the next change', ({ length }) => length === 2);
  t.deepEqual(watch.lines, [`${second.revision} +k/2=1`, `${third.revision} +k/3=1`]);
});

test('a delete at the very revision that was compacted is not lost', async (t) => {
  const { cluster, relay, store, other } = await rig(t);
  const { revision } = await putKey(other, 'k/1', '1');
  const watch = await recordWatch(t, store, 'k/', revision + 1);
  relay.cut(true);
  const gone = await other.transact([], [{ kind: 'delete', key: 'k/1' }]);
  t.is(gone.revision, revision + 1, 'it is the next one that the watch waits for');
  await cluster.etcdctl('compact', String(gone.revision));
  relay.cut(false);
  await watch.until('the delete', ({ length }) => length === 1);
  t.deepEqual(watch.lines, [`${gone.revision} -k/1`]);
});

test('a watch from a revision that was compacted is refused; the one after it is kept', async (t) => {
  const { cluster, other } = await rig(t);
  const { revision } = await putKey(other, 'k/1', '1');
  await cluster.etcdctl('compact', String(revision));
  const refused = other.watch('k/', revision, () => {});
  await t.throwsAsync(refused, { name: 'StoreError', code: 'compacted' });
  const watch = await recordWatch(t, other, 'k/', revision + 1);
  const next = await putKey(other, 'k/2', '1');
  await watch.until('the change', ({ length }) => length === 1);
  t.deepEqual(watch.lines, [`${next.revision} +k/2=1`]);
});

test('a cluster that is compacted and defragmented while it is written loses nothing', async (t) => {
  const { cluster, other } = await rig(t);
  const watch = await recordWatch(t, other, 'k/', (await other.range('k/')).revision + 1);
  let writing = true;
  const revisions: number[] = [];
  const writer = (async () => {
    while (writing) {
      const { revision } = await other.transact([], [put('k/counter', String(revisions.length))]);
      revisions.push(revision);
    }
  })();
  for (let round = 0; round < 3; round += 1) {
    await cluster.etcdctl('compact', String((await other.range('k/')).revision));
    await cluster.etcdctl('defrag');
  }
  writing = false;
  await writer;
  await watch.settled('k/end');
  t.deepEqual(
    watch.batches.map(({ revision }) => revision),
    revisions,
  );
  t.true(revisions.length > 3);
});
