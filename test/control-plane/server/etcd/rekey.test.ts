// One control plane encrypts the keys of the mesh anew: the others, which have the former key, write nothing with it, and
// wait for the new one. What etcd remembers of before is removed with the command that the rekey prints.
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runHauberk } from '../../../helpers/mesh/hauberk-process.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { startEtcdForControlPlanes } from '../../../helpers/etcd/etcd-control-planes.ts';

const test = requires('etcd', 'etcdctl', 'openssl');

test('after a rekey the former key opens nothing, in the present and in the history of etcd', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 1);
  const { directory, cluster, dataDir } = etcd;
  const [one, two] = [etcd.start('one'), etcd.start('two')];
  for (const process of [one, two]) await process.logged('ready');
  const vault = async (
    ...args: readonly string[]
  ): Promise<{ value: string; revision: number }> => {
    const text = await cluster.etcdctl('get', '/hauberk/data/vault', '--write-out=json', ...args);
    const { header, kvs } = JSON.parse(text) as {
      header: { revision: number };
      kvs: { value: string }[];
    };
    return { value: kvs[0]?.value ?? '', revision: header.revision };
  };
  const before = await vault();
  const next = join(directory, 'next-unlock');
  await writeFile(next, randomBytes(32), { mode: 0o600 });
  const rekeyed = await runHauberk([
    'ca',
    'rekey',
    `--data-dir=${dataDir('one')}`,
    `--new-key-file=${next}`,
  ]);
  t.is(rekeyed.code, 0, rekeyed.stderr);
  const [, command = ''] = /`etcdctl (compact \d+ --physical)`/.exec(rekeyed.stdout) ?? [];
  t.regex(rekeyed.stdout, /the next start needs it; etcd still has what they were encrypted with/);
  await one.logged('ready', undefined, { times: 2 });
  await two.logged('keys-locked');

  const past = await vault(`--rev=${before.revision}`);
  t.is(past.value, before.value, 'etcd remembers: the test would see it');
  t.not((await vault()).value, before.value);
  await cluster.etcdctl(...command.split(' '));
  await cluster.etcdctl('defrag');
  await t.throwsAsync(vault(`--rev=${before.revision}`), {
    message: /required revision has been compacted/,
  });

  const unlock = (file: string) =>
    runHauberk(['ca', 'unlock', `--data-dir=${dataDir('two')}`, `--unlock-key-file=${file}`]);
  t.not((await unlock(join(directory, 'unlock'))).code, 0, 'the former key does not unlock it');
  const unlocked = await unlock(next);
  t.is(unlocked.code, 0, unlocked.stderr);
  await two.logged('ready', undefined, { times: 2 });
});
