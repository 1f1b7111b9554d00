// What a control plane refuses to start with when its store is in etcd: one sentence each, in bounded time, beside the
// start that is allowed.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { within } from '../../../helpers/deadline.ts';
import { createExternalPki } from '../../../helpers/pki/external-pki.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import {
  startEtcdForControlPlanes,
  type EtcdControlPlanes,
} from '../../../helpers/etcd/etcd-control-planes.ts';

const test = requires('etcd', 'etcdctl', 'openssl');

async function refusal(
  t: ExecutionContext,
  etcd: EtcdControlPlanes,
  args: readonly string[],
  code = 2,
): Promise<string> {
  const process = etcd.start(randomBytes(4).toString('hex'), args);
  t.is(await within('it refuses to start', process.exited), code, process.output());
  const sentences = process.output().trim().split('\n');
  return sentences.filter((line) => line.startsWith('hauberk control-plane: ')).join('\n');
}

test('what does not belong to the mesh in the store is refused', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 1);
  const { store, unlock, directory } = etcd;
  t.regex(
    await refusal(t, etcd, store),
    /: a store in etcd holds the private keys of the mesh encrypted only, and nothing is given to encrypt them with; give --unlock-key-file or/,
  );
  const first = etcd.start('first');
  await first.logged('ready');
  const otherKey = join(directory, 'other-unlock');
  await writeFile(otherKey, randomBytes(32), { mode: 0o600 });
  t.regex(
    await refusal(t, etcd, [...store, `--unlock-key-file=${otherKey}`]),
    /: this key file does not unlock the keys of the mesh$/,
  );
  t.regex(
    await refusal(t, etcd, [...store, ...unlock, '--trust-domain=other.example']),
    /: the store belongs to the trust domain mesh\.local, not other\.example; start with --trust-domain mesh\.local/,
  );
  const pki = await createExternalPki(t);
  await pki.authority('issuer', { signer: 'root', basicConstraints: 'CA:TRUE,pathlen:0' });
  await writeFile(join(directory, 'issuer.pem'), await pki.chain('issuer', 'root'));
  await writeFile(join(directory, 'issuer.key'), await pki.key('issuer'), { mode: 0o600 });
  const issuer = ['issuer-cert=issuer.pem', 'issuer-key=issuer.key'].map((text) => {
    const [flag = '', file = ''] = text.split('=');
    return `--${flag}=${join(directory, file)}`;
  });
  t.regex(
    await refusal(t, etcd, [...store, ...unlock, ...issuer]),
    /: expected an issuer below the root of the mesh, \w+, got one below \w+; make the issuer below that root/,
  );
  const second = etcd.start('second');
  await second.logged('ready');
  t.pass('the same mesh is let in');
});

test('an etcd that does not let it in, or has no majority, is said at the start', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 3);
  const { store, unlock, directory, cluster } = etcd;
  const wrong = join(directory, 'wrong-password');
  await writeFile(wrong, 'wrong\n');
  const withWrong = store.map((flag) =>
    flag.includes('password') ? `--store-password-file=${wrong}` : flag,
  );
  t.regex(
    await refusal(t, etcd, [...withWrong, ...unlock]),
    /: etcd \(.*\) does not let this control plane in \(.*authentication failed.*\); check --store-user/,
  );
  t.regex(
    await refusal(t, etcd, [...store, ...unlock, '--store-prefix=/other/']),
    /: etcd \(.*\) does not let this control plane in \(.*permission denied\)/,
  );
  await Promise.all([cluster.kill(0), cluster.kill(1)]);
  t.regex(
    await refusal(t, etcd, [...store, ...unlock], 3),
    /: etcd \(.*\) did not answer for 8 s: no majority of its members answers; check that a majority/,
  );
});

test('what another program, or a newer Hauberk, has under the prefix is left alone', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 1);
  const { store, unlock, cluster } = etcd;
  const start = [...store, ...unlock];
  await cluster.etcdctl('put', '/hauberk/registry/pods', 'x');
  t.regex(
    await refusal(t, etcd, start),
    /: what is under \/hauberk\/ in etcd was written by another program; choose another --store-prefix for the mesh$/,
  );
  await cluster.etcdctl('del', '/hauberk/registry/pods');
  const schema = { hauberk: 'store', version: 2, neededVersion: '7.1.0', revisionOffset: 0 };
  await cluster.etcdctl('put', '/hauberk/schema', JSON.stringify(schema));
  t.regex(
    await refusal(t, etcd, start),
    /: the store under \/hauberk\/ in etcd has schema version 2, but this Hauberk \S+ knows versions up to 1; run Hauberk 7\.1\.0 or later, or restore a backup from before the upgrade$/,
  );
  const untouched = await cluster.etcdctl('get', '--prefix', '--print-value-only', '/hauberk/');
  t.is(untouched.trim(), JSON.stringify(schema));
  await cluster.etcdctl('del', '/hauberk/schema');
  await etcd.start('first').logged('ready');
});

test('an etcd whose certificate, or whose protocol, is another one is said at the start', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 1);
  const { store, unlock } = etcd;
  const withoutCa = store.filter((flag) => !flag.startsWith('--store-ca='));
  t.regex(
    await refusal(t, etcd, [...withoutCa, ...unlock], 3),
    /: etcd \(.*\) cannot be used over TLS: unable to verify the first certificate; check that --store-ca/,
  );
  const withoutCertificate = store.filter((flag) => !/^--store-(cert|key)=/.test(flag));
  t.regex(
    await refusal(t, etcd, [...withoutCertificate, ...unlock], 3),
    /: etcd \(.*\) cannot be used over TLS: .*bad certificate; check that --store-ca/,
  );
  const [location = ''] = store;
  const plaintext = [location.replace('etcd:', 'etcd+plaintext:')];
  t.regex(
    await refusal(t, etcd, [...plaintext, ...unlock], 3),
    /: etcd \(.*\) did not answer for 8 s: .*; check that .* they speak TLS if --store begins with etcd:/,
  );
});

test('settings of etcd that do not fit together are refused before anything is dialled', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 1);
  const [location = ''] = etcd.store;
  for (const [args, sentence] of [
    [['--store-user=x'], /--store-user needs --store-password-file|is for a store in etcd/],
    [[location, '--store-cert=x'], /--store-cert needs --store-key beside it/],
    [[location, '--store-user=x'], /--store-user needs --store-password-file beside it/],
    [[location, '--store-ca=/does/not/exist'], /--store-ca does not exist/],
    [['--store=etcd+plaintext://127.0.0.1:1', '--store-ca=x'], /--store-ca is for TLS/],
    [['--store=redis://x'], /expected sqlite:FILE or etcd:\/\/HOST:PORT/],
    [['--store=etcd://a:1,a:1'], /each member of etcd once/],
    [[location, '--store-prefix=hauberk'], /ends in "\/"/],
  ] as const) {
    t.regex(await refusal(t, etcd, [...args, ...etcd.unlock]), sentence);
  }
});
