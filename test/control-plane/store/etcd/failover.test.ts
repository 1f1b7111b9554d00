// Three members, of which one goes: the store goes on within seconds, no change that was acknowledged is lost, none is
// made twice, and a watch tells each of them once. Without a majority it says so, and goes on when there is one again.
import type { ExecutionContext } from 'ava';
import type { EtcdStoreOptions } from '../../../../control-plane/store/etcd/etcd-store.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { startEtcdCluster, type EtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { put, putKey } from '../contract/operations.ts';
import { recordWatch, type WatchRecorder } from '../contract/watch-recorder.ts';
import { openForTest } from './etcd-under-test.ts';

const test = requires('etcd', 'etcdctl').serial;

/** Counts up from 0, one after the other; resolves with how far. */
function countUp(store: Store, isOver: () => boolean): Promise<number> {
  return (async () => {
    let [count, modRevision] = [0, 0];
    while (!isOver()) {
      const value = String(count + 1);
      const compare = { key: 'counter', modRevision };
      const { succeeded, revision } = await store.transact([compare], [put('counter', value)]);
      if (!succeeded) throw new Error(`nobody else counts, but after ${count} something was there`);
      [count, modRevision] = [count + 1, revision];
    }
    return count;
  })();
}

/** The cluster, and a store that uses this member first. */
async function rig(
  t: ExecutionContext,
  first: (cluster: EtcdCluster) => Promise<number>,
  options: Partial<EtcdStoreOptions> = {},
): Promise<{ cluster: EtcdCluster; used: number; store: Store; watch: WatchRecorder }> {
  const cluster = await startEtcdCluster(t, { members: 3 });
  const used = await first(cluster);
  const { addresses } = cluster;
  const inOrder = [...addresses.slice(used), ...addresses.slice(0, used)];
  const store = await openForTest(t, { addresses: inOrder }, options);
  const { revision } = await store.range('counter');
  return { cluster, used, store, watch: await recordWatch(t, store, 'counter', revision + 1) };
}

const leads = (cluster: EtcdCluster): Promise<number> => cluster.leader();
const follows = async (cluster: EtcdCluster): Promise<number> => ((await cluster.leader()) + 1) % 3;

function assertToldOnce(t: ExecutionContext, watch: WatchRecorder, count: number): void {
  const values = watch.lines.map((line) => line.replace(/.*=/, ''));
  t.deepEqual(
    values,
    Array.from({ length: count }, (_, index) => String(index + 1)),
  );
}

for (const [what, first] of [
  ['the leader', leads],
  ['a follower', follows],
] as const) {
  test(`the member in use, ${what}, is killed: nothing is lost or made twice`, async (t) => {
    const { cluster, used, store, watch } = await rig(t, first);
    const lease = await store.grantLease(10_000);
    let over = false;
    const counting = countUp(store, () => over);
    await watch.until('a few changes', ({ length }) => length > 10);
    await cluster.kill(used);
    const before = watch.batches.length;
    await watch.until('changes after it', ({ length }) => length > before + 10);
    await t.notThrowsAsync(store.keepLeaseAlive(lease));
    over = true;
    const count = await counting;
    t.is((await store.get('counter'))?.value.toString(), String(count));
    await watch.settled('counter-end');
    assertToldOnce(t, watch, count);
  });
}

test('the member in use is stopped and answers nothing: calls and watches move to another', async (t) => {
  const { cluster, used, store, watch } = await rig(t, follows);
  let over = false;
  const counting = countUp(store, () => over);
  await watch.until('a few changes', ({ length }) => length > 10);
  cluster.pause(used);
  t.teardown(() => cluster.resume(used));
  const before = watch.batches.length;
  await watch.until('changes after it', ({ length }) => length > before + 10);
  over = true;
  const count = await counting;
  cluster.resume(used);
  await watch.settled('counter-end');
  assertToldOnce(t, watch, count);
});

test('without a majority every call says so; with one again all goes on by itself', async (t) => {
  const { logger, of } = createLogRecorder();
  const { cluster, used, store, watch } = await rig(t, leads, { logger });
  await putKey(store, 'counter', '1');
  const others = [0, 1, 2].filter((member) => member !== used);
  await Promise.all(others.map((member) => cluster.kill(member)));
  const refusals = await Promise.allSettled([
    store.get('counter'),
    putKey(store, 'counter', '2'),
    store.grantLease(10_000),
  ]);
  for (const refusal of refusals) {
    t.like(refusal, { status: 'rejected', reason: { name: 'StoreError', code: 'unavailable' } });
    const { message } = (refusal as PromiseRejectedResult).reason as Error;
    t.regex(message, /^etcd \(.*\) did not answer for 8 s: no majority of its members answers$/);
  }
  for (const member of others) cluster.start(member);
  await cluster.ready();
  await putKey(store, 'counter', '3');
  await watch.until('what was written since', () => watch.lines.at(-1)?.endsWith('=3') === true);
  t.regex(watch.lines.join(' '), /^\d+ \+counter=1 (\d+ \+counter=2 )?\d+ \+counter=3$/);
  const interruptions = of('watch-interrupted');
  t.true(interruptions.length > 3);
  const warnings = interruptions.filter(({ level }) => level > 20);
  // Again only where the outage lasts long, as on a busy machine.
  t.true(
    warnings.length >= 1 && warnings.length * 3 < interruptions.length,
    'it says so once, and not with each of its tries',
  );
});
