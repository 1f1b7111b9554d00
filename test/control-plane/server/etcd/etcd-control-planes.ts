import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { startEtcdCluster, type EtcdCluster } from '../../../helpers/etcd/etcd-cluster.ts';
import { createEtcdFiles } from '../../../helpers/etcd/etcd-files.ts';
import { startHauberk, type HauberkProcess } from '../../../helpers/hauberk-process.ts';
import { temporaryDirectory } from '../../../helpers/temporary-directory.ts';

/** A cluster as an operator would have it, with TLS and a user, and control planes that use it. */
export interface EtcdControlPlanes {
  readonly directory: string;
  readonly cluster: EtcdCluster;
  /** The flags that name the store. */
  readonly store: readonly string[];
  /** Those that name what its keys are encrypted with. */
  readonly unlock: readonly string[];
  /** Starts a control plane with a data directory of this name. */
  start(name: string, args?: readonly string[]): HauberkProcess;
  dataDir(name: string): string;
}

/** Starts the cluster. */
export async function startEtcdForControlPlanes(
  t: ExecutionContext,
  members: 1 | 3,
): Promise<EtcdControlPlanes> {
  const { path: directory, [Symbol.asyncDispose]: remove } = await temporaryDirectory();
  t.teardown(remove);
  const { files } = await createEtcdFiles(t);
  let enabled = false;
  const user = (): string | undefined => (enabled ? 'root:rootpw' : undefined);
  const cluster = await startEtcdCluster(t, { members, files, user });
  const { etcdctl } = cluster;
  await etcdctl('user', 'add', 'root:rootpw');
  await etcdctl('user', 'grant-role', 'root', 'root');
  await etcdctl('role', 'add', 'hauberk');
  await etcdctl('role', 'grant-permission', 'hauberk', '--prefix=true', 'readwrite', '/hauberk/');
  await etcdctl('user', 'add', 'hauberk:secret');
  await etcdctl('user', 'grant-role', 'hauberk', 'hauberk');
  await etcdctl('auth', 'enable');
  enabled = true;
  await writeFile(join(directory, 'password'), 'secret\n');
  await writeFile(join(directory, 'unlock'), randomBytes(32), { mode: 0o600 });
  const list = cluster.addresses.map(({ host, port }) => `${host}:${port}`).join(',');
  const store = [
    `--store=etcd://${list}`,
    `--store-ca=${files.ca}`,
    `--store-cert=${files.clientCert}`,
    `--store-key=${files.clientKey}`,
    '--store-user=hauberk',
    `--store-password-file=${join(directory, 'password')}`,
  ];
  const unlock = [`--unlock-key-file=${join(directory, 'unlock')}`];
  const dataDir = (name: string): string => join(directory, name);
  return {
    directory,
    cluster,
    store,
    unlock,
    dataDir,
    start(name, args = [...store, ...unlock]) {
      const listen = ['--grpc-listen=127.0.0.1:0', '--http-listen=127.0.0.1:0'];
      const cp = startHauberk(['control-plane', `--data-dir=${dataDir(name)}`, ...listen, ...args]);
      t.teardown(() => cp.end('SIGKILL'));
      return cp;
    },
  };
}
