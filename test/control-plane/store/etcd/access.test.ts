// Who may use the store in etcd, and which etcd it is: TLS both ways, a user, a token that expires. What is refused is
// said in one sentence, in bounded time.
import { readFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import type { EtcdTls } from '../../../../control-plane/store/etcd/members.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { startEtcdCluster, type EtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { createEtcdFiles } from '../../../helpers/etcd/etcd-files.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { putKey } from '../contract/operations.ts';
import { recordWatch } from '../contract/watch-recorder.ts';
import { openForTest } from './etcd-under-test.ts';

const test = requires('etcd', 'etcdctl', 'openssl');

async function secured(
  t: ExecutionContext,
  serverName?: string,
): Promise<{ cluster: Pick<EtcdCluster, 'addresses'>; tls: Required<EtcdTls> }> {
  const { files } = await createEtcdFiles(t, serverName);
  const read = (path: string): string => readFileSync(path, 'utf8');
  const tls = {
    ca: read(files.ca),
    cert: read(files.clientCert),
    key: read(files.clientKey),
  };
  return { cluster: await startEtcdCluster(t, { members: 1, files }), tls };
}

test('with its authority and a client certificate the store opens, by an address', async (t) => {
  const { cluster, tls } = await secured(t);
  const store = await openForTest(t, cluster, { tls });
  t.true((await putKey(store, 'k')).succeeded);
});

test('a member with the certificate of another authority, or of another host, is refused', async (t) => {
  const { cluster, tls } = await secured(t);
  const { tls: others } = await secured(t);
  await t.throwsAsync(openForTest(t, cluster, { tls: { ...tls, ca: others.ca } }), {
    code: 'unavailable',
    message: /cannot be used over TLS: .*(self-signed|unable to verify|certificate)/,
  });
  const [{ port } = { port: 0 }] = cluster.addresses;
  const named = { addresses: [{ host: 'localhost', port }] };
  await t.throwsAsync(openForTest(t, named, { tls }), {
    code: 'unavailable',
    message: /localhost.*cannot be used over TLS: .*altnames/,
  });
});

test('without a client certificate, or in plaintext, nothing is let in', async (t) => {
  const { cluster, tls } = await secured(t);
  await t.throwsAsync(openForTest(t, cluster, { tls: { ca: tls.ca } }), {
    code: 'unavailable',
    message: /cannot be used over TLS: .*bad certificate/,
  });
  await t.throwsAsync(openForTest(t, cluster, { tls: undefined }), {
    code: 'unavailable',
    message: /did not answer for 8 s/,
  });
});

test('files of TLS that change are used for every connection from then on, and nothing is lost', async (t) => {
  const { cluster, tls } = await secured(t);
  const { tls: others } = await secured(t);
  const store = await openForTest(t, cluster, { tls });
  const { revision } = await putKey(store, 'k/1');
  const watch = await recordWatch(t, store, 'k/', revision + 1);
  const writing = Array.from({ length: 20 }, (_, index) => putKey(store, `k/${index}`));
  store.reload({ ...tls });
  const revisions = (await Promise.all(writing)).map((result) => result.revision);
  await watch.settled('k/end');
  t.deepEqual(
    watch.batches.map((batch) => batch.revision),
    revisions.toSorted((a, b) => a - b),
  );
  t.throws(() => store.reload({ ...tls, key: 'no key' }), { message: /PEM|no start line|DECODER/ });
  t.true((await putKey(store, 'k/1')).succeeded, 'those of before stay in use');
  store.reload({ ...tls, cert: others.cert, key: others.key });
  await t.throwsAsync(putKey(store, 'k/1'), { code: 'unavailable' });
});

/** A cluster with a user whose role reads and writes what is under `/hauberk/`. */
async function withUsers(t: ExecutionContext): Promise<EtcdCluster> {
  let enabled = false;
  const user = (): string | undefined => (enabled ? 'root:rootpw' : undefined);
  const cluster = await startEtcdCluster(t, { members: 1, user });
  const { etcdctl } = cluster;
  await etcdctl('user', 'add', 'root:rootpw');
  await etcdctl('user', 'grant-role', 'root', 'root');
  await etcdctl('role', 'add', 'hauberk');
  await etcdctl('role', 'grant-permission', 'hauberk', '--prefix=true', 'readwrite', '/hauberk/');
  await etcdctl('user', 'add', 'hauberk:secret');
  await etcdctl('user', 'grant-role', 'hauberk', 'hauberk');
  await etcdctl('auth', 'enable');
  enabled = true;
  return cluster;
}

test('a user whose role has the prefix is let in; a wrong password, or another prefix, is not', async (t) => {
  const cluster = await withUsers(t);
  let password = 'secret';
  const user = { name: 'hauberk', password: () => password };
  const store = await openForTest(t, cluster, { user });
  const { revision } = await putKey(store, 'k/1');
  const watch = await recordWatch(t, store, 'k/', revision);
  await watch.settled('k/end');
  t.is(watch.batches.length, 1);
  const denied = { code: 'denied', message: /^etcd \(.*\) does not let this control plane in/ };
  await t.throwsAsync(openForTest(t, cluster, { user, prefix: '/other/' }), denied);
  await t.throwsAsync(openForTest(t, cluster), denied);
  password = 'wrong';
  await t.throwsAsync(openForTest(t, cluster, { user }), denied);
});

test('a token that is not valid any more is replaced, and nobody notices', async (t) => {
  const cluster = await withUsers(t);
  const user = { name: 'hauberk', password: () => 'secret' };
  const store = await openForTest(t, cluster, { user });
  const { revision } = await putKey(store, 'k/1', '1');
  const watch = await recordWatch(t, store, 'k/', revision);
  // Tokens are in the memory of a member.
  await cluster.kill(0);
  cluster.start(0);
  const second = await eventually('it is there again', () =>
    putKey(store, 'k/1', '2').catch(() => undefined),
  );
  await watch.until('the change', ({ length }) => length === 2);
  t.is(watch.lines[1], `${second.revision} +k/1=2`);
  // The store of users has another revision than the token.
  await cluster.etcdctl('user', 'add', 'another:secret');
  t.true((await putKey(store, 'k/1', '3')).succeeded);
});

test('a user for an etcd that has none is refused, not left out', async (t) => {
  const cluster = await startEtcdCluster(t, { members: 1 });
  const user = { name: 'hauberk', password: () => 'secret' };
  await t.throwsAsync(openForTest(t, cluster, { user }), {
    code: 'denied',
    message: /has no users, but one is given/,
  });
});
