// Control planes on one etcd, with TLS and a user: begun at the same moment they are one mesh, each of them serves it,
// and when etcd has no majority they say so, and go on by themselves when it has one again.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually } from '../../../helpers/deadline.ts';
import { runHauberk, type HauberkProcess } from '../../../helpers/mesh/hauberk-process.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import {
  startEtcdForControlPlanes,
  type EtcdControlPlanes,
} from '../../../helpers/etcd/etcd-control-planes.ts';

const test = requires('etcd', 'etcdctl', 'openssl');

/** Runs a command of an operator at this control plane. */
async function operate(
  t: ExecutionContext,
  etcd: EtcdControlPlanes,
  name: string,
  process: HauberkProcess,
  command: readonly string[],
): Promise<string> {
  const { code, stdout, stderr } = await runHauberk([
    ...command,
    `--control-plane=127.0.0.1:${await process.port('grpc')}`,
    `--admin=${join(etcd.dataDir(name), 'admin.pem')}`,
  ]);
  t.is(code, 0, stderr);
  return stdout;
}

test('three that begin at the same moment are one mesh; a backup of one is a store for SQLite', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 1);
  const names = ['one', 'two', 'three'] as const;
  const all = names.map((name) => etcd.start(name));
  await Promise.all(all.map((process) => process.logged('ready')));
  const roots = await Promise.all(
    names.map((name) => readFile(join(etcd.dataDir(name), 'admin.pem'), 'utf8')),
  );
  t.is(new Set(roots.map((text) => text.split('-----BEGIN CERTIFICATE-----').at(-1))).size, 1);
  const [one, two] = all;
  if (one === undefined || two === undefined) throw new Error('there are three');
  const token = ['token', 'create', '--namespace', 'shop'];
  await operate(t, etcd, 'one', one, token);
  const tokens = JSON.parse(await operate(t, etcd, 'two', two, ['token', 'list', '--json'])) as {
    tokens: unknown[];
  };
  t.is(tokens.tokens.length, 1, 'what is made at one is there at the other');
  const status = await eventually('each sees the others', async () => {
    const text = await operate(t, etcd, 'one', one, ['status', '--json']);
    const { controlPlanes } = JSON.parse(text) as { controlPlanes: { leads: boolean }[] };
    return controlPlanes.length === 3 ? controlPlanes : undefined;
  });
  t.is(status.filter(({ leads }) => leads).length, 1);

  const verify = async (name: string, at: HauberkProcess, ...args: readonly string[]) =>
    JSON.parse(await operate(t, etcd, name, at, ['certs', 'verify', '--json', ...args])) as {
      head: string;
      findings: string[];
    };
  const { head } = await verify('one', one);
  const file = join(etcd.directory, 'backup');
  const made = await runHauberk(['backup', file, `--data-dir=${etcd.dataDir('one')}`]);
  t.is(made.code, 0, made.stderr);
  const restored = await runHauberk([
    'restore',
    file,
    `--data-dir=${etcd.dataDir('restored')}`,
    ...etcd.unlock,
  ]);
  t.is(restored.code, 0, restored.stderr);
  await Promise.all(all.map((process) => process.end()));
  const again = etcd.start('restored', etcd.unlock);
  await again.logged('ready');
  await operate(t, etcd, 'restored', again, ['token', 'list']);
  // What was issued at its start is sealed behind what the backup had, under revisions that are later.
  t.deepEqual((await verify('restored', again, `--head=${head}`)).findings, []);
});

test('without a majority none is ready and all live; when it is back all are ready by themselves', async (t) => {
  const etcd = await startEtcdForControlPlanes(t, 3);
  const all = [etcd.start('one'), etcd.start('two')];
  await Promise.all(all.map((process) => process.logged('ready')));
  const readiness = async (process: HauberkProcess): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`http://127.0.0.1:${await process.port('http')}/readyz`);
    return { status: answer.status, text: await answer.text() };
  };
  for (const process of all) t.is((await readiness(process)).status, 200);
  const gone = [0, 1];
  await Promise.all(gone.map((member) => etcd.cluster.kill(member)));
  for (const process of all) {
    const text = await eventually('it is not ready', async () => {
      const { status, text: why } = await readiness(process);
      return status === 200 ? undefined : why;
    });
    t.regex(text, /nothing can be issued: etcd \(.*\) did not answer for 8 s/);
  }
  for (const member of gone) etcd.cluster.start(member);
  for (const process of all) {
    await eventually('it is ready again', async () =>
      (await readiness(process)).status === 200 ? true : undefined,
    );
    t.is(process.log.filter(({ event }) => event === 'internal-error').length, 0);
  }
  const [one] = all;
  if (one !== undefined)
    await operate(t, etcd, 'one', one, ['token', 'create', '--namespace=shop']);
});
