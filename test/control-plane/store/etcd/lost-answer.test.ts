// A member commits a transaction, and its answer never arrives. The client asks again, at another member: what it is
// told must be what happened, and it must have happened once, also when the first request was only late.
import type { ExecutionContext } from 'ava';
import type { Store } from '../../../../control-plane/store/store.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { startEtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { startRelay, type SwitchableRelay } from '../../../helpers/etcd/switchable-relay.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { put, putKey } from '../contract/operations.ts';
import { recordWatch } from '../contract/watch-recorder.ts';
import { openForTest } from './etcd-under-test.ts';

const test = requires('etcd', 'etcdctl');

interface Rig {
  readonly relay: SwitchableRelay;
  /** Goes through the relay first, and past it when that does not answer. */
  readonly store: Store;
  /** Goes past the relay. */
  readonly other: Store;
}

async function rig(t: ExecutionContext): Promise<Rig> {
  const { addresses } = await startEtcdCluster(t, { members: 1 });
  const [member] = addresses;
  if (member === undefined) throw new Error('the cluster has no member');
  const relay = await startRelay(t, member);
  const store = await openForTest(t, { addresses: [relay.address, member] });
  const other = await openForTest(t, { addresses });
  // Its receipt is there: only the transactions of the test are held.
  await putKey(store, 'warm-up');
  return { relay, store, other };
}

test('a transaction whose answer is lost has happened once, and is reported so', async (t) => {
  const { relay, store, other } = await rig(t);
  const { revision } = await putKey(store, 'counter', '1');
  const watch = await recordWatch(t, other, 'counter', revision + 1);
  relay.answers('hold');
  const compare = { key: 'counter', modRevision: revision };
  const result = await store.transact([compare], [put('counter', '2')]);
  t.true(result.succeeded);
  t.is((await other.get('counter'))?.modRevision, result.revision);
  await watch.settled('counter-end');
  t.deepEqual(watch.lines, [`${result.revision} +counter=2`]);
});

test('a delete whose answer is lost is reported as done', async (t) => {
  const { relay, store, other } = await rig(t);
  const { revision } = await putKey(store, 'once');
  relay.answers('hold');
  const compare = { key: 'once', modRevision: revision };
  const result = await store.transact([compare], [{ kind: 'delete', key: 'once' }]);
  t.true(result.succeeded);
  t.is(await other.get('once'), undefined);
  const again = await store.transact([compare], [{ kind: 'delete', key: 'once' }]);
  t.false(again.succeeded, 'the next one finds nothing');
});

test('a transaction that another one came before is reported as refused, not as done', async (t) => {
  const { relay, store, other } = await rig(t);
  const { revision } = await putKey(store, 'counter', '1');
  relay.requests('hold');
  const compare = [{ key: 'counter', modRevision: revision }];
  const ours = store.transact(compare, [put('counter', 'the same')]);
  const theirs = await other.transact(compare, [put('counter', 'the same')]);
  t.true(theirs.succeeded);
  t.false((await ours).succeeded, 'although what is there looks like its own');
  relay.requests('pass');
});

test('a request that is late cannot be made any more once its answer was given', async (t) => {
  const { relay, store, other } = await rig(t);
  relay.requests('hold');
  const making = store.transact([], [put('key', 'first')]);
  await eventually('the request is held', () => relay.held > 0 || undefined);
  // Not that it was given up.
  relay.requests('drop');
  t.true((await making).succeeded, 'it went past the relay');
  const second = await putKey(other, 'key', 'second');
  const { answered } = relay;
  relay.requests('pass');
  await eventually('the member has answered it', () => relay.answered > answered || undefined);
  const entry = await other.get('key');
  t.is(entry?.value.toString(), 'second');
  t.is(entry?.modRevision, second.revision);
});

test('a request that was given up cannot be made any more once a later one was', async (t) => {
  const { addresses } = await startEtcdCluster(t, { members: 1 });
  const [member] = addresses;
  if (member === undefined) throw new Error('the cluster has no member');
  const [slow, cut] = [await startRelay(t, member), await startRelay(t, member)];
  const store = await openForTest(t, { addresses: [slow.address, cut.address] });
  const other = await openForTest(t, { addresses });
  const { revision } = await putKey(store, 'key', 'before');
  const watch = await recordWatch(t, other, 'key', revision + 1);
  slow.requests('hold');
  cut.cut(true);
  const first = t.throwsAsync(store.transact([], [put('key', 'first')]), { code: 'unavailable' });
  await eventually('the request is held', () => slow.held > 0 || undefined);
  // Not that it was given up.
  slow.requests('drop');
  await first;
  cut.cut(false);
  const second = await eventually('the other way is open', () =>
    store.transact([], [put('key', 'second')]).catch(() => undefined),
  );
  const { answered } = slow;
  slow.requests('pass');
  await eventually('the member has answered it', () => slow.answered > answered || undefined);
  t.is((await other.get('key'))?.modRevision, second.revision);
  const third = await store.transact(
    [{ key: 'key', modRevision: second.revision }],
    [put('key', 'third')],
  );
  t.true(third.succeeded);
  await watch.settled('key-end');
  t.deepEqual(watch.lines, [`${second.revision} +key=second`, `${third.revision} +key=third`]);
});

test('a lease whose grant was not answered is granted once', async (t) => {
  const { relay, store, other } = await rig(t);
  relay.answers('hold');
  const lease = await store.grantLease(60_000);
  await putKey(other, 'bound', '', lease);
  t.is((await other.get('bound'))?.lease, lease);
});
