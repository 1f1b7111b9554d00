import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scope } from '../scope.ts';
import { temporaryDirectory } from '../machine/temporary-directory.ts';
import { startEtcdCluster, type EtcdCluster, type EtcdClusterOptions } from './etcd-cluster.ts';
import { createEtcdFiles } from './etcd-files.ts';

/** A cluster with TLS and a user, and what control planes have to be told to use it. */
export interface SecuredEtcd {
  /** For the files of those who use it; gone with the scope. */
  readonly directory: string;
  readonly cluster: EtcdCluster;
  /** The flags that name the store. */
  readonly store: readonly string[];
  /** Those that name what its keys are encrypted with. */
  readonly unlock: readonly string[];
}

/** Starts it: on loopback, or in network namespaces. */
export async function startSecuredEtcd(
  scope: Scope,
  { members, places, logs }: Pick<EtcdClusterOptions, 'members' | 'places' | 'logs'>,
): Promise<SecuredEtcd> {
  const { path: directory, [Symbol.asyncDispose]: remove } = await temporaryDirectory();
  scope.teardown(remove);
  const addresses = places?.members.map(({ address }) => address) ?? ['127.0.0.1'];
  const { files } = await createEtcdFiles(scope, addresses.map((one) => `IP:${one}`).join(','));
  let enabled = false;
  const user = (): string | undefined => (enabled ? 'root:rootpw' : undefined);
  const cluster = await startEtcdCluster(scope, {
    members,
    files,
    user,
    logs,
    ...(places === undefined ? {} : { places }),
  });
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
  return { directory, cluster, store, unlock };
}
