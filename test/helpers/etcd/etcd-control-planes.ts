import type { ExecutionContext } from 'ava';
import { join } from 'node:path';
import { startHauberk, type HauberkProcess } from '../mesh/hauberk-process.ts';
import { startSecuredEtcd, type SecuredEtcd } from './secured-etcd.ts';

/** A cluster as an operator would have it, with TLS and a user, and control planes that use it. */
export interface EtcdControlPlanes extends SecuredEtcd {
  /** Starts a control plane with a data directory of this name. */
  start(name: string, args?: readonly string[]): HauberkProcess;
  dataDir(name: string): string;
}

/** Starts the cluster. */
export async function startEtcdForControlPlanes(
  t: ExecutionContext,
  members: 1 | 3,
): Promise<EtcdControlPlanes> {
  const etcd = await startSecuredEtcd(t, { members });
  const dataDir = (name: string): string => join(etcd.directory, name);
  return {
    ...etcd,
    dataDir,
    start(name, args = [...etcd.store, ...etcd.unlock]) {
      const listen = ['--grpc-listen=127.0.0.1:0', '--http-listen=127.0.0.1:0'];
      const cp = startHauberk(['control-plane', `--data-dir=${dataDir(name)}`, ...listen, ...args]);
      t.teardown(() => cp.end('SIGKILL'));
      return cp;
    },
  };
}
