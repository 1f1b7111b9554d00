import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MEMBERS, type Etcdctl } from './etcdctl.ts';
import { eventually } from './eventually.ts';
import type { HostProcesses } from './host-processes.ts';
import { LabError } from './lab-error.ts';
import { directoryOf, type HostName } from './network.ts';

/** Every member of the mesh. */
export const SIDECARS = [...MEMBERS, 'client', 'stranger'] as const;

/** Whose sidecar it is. */
export type SidecarHost = (typeof SIDECARS)[number];

const HAUBERK = join(import.meta.dirname, '../../../cli/hauberk');

/**
 * Starts the control plane and all sidecars, and resolves when they are ready. On real hosts an operator
 * brings each host its join token; here the control plane writes each into the folder of its host.
 */
export async function startMesh(processes: HostProcesses): Promise<void> {
  const tokens = SIDECARS.map((host) => `db/${host}=${directoryOf(host)}/hauberk.token`);
  processes.start('control', 'control-plane', [
    HAUBERK,
    'control-plane',
    `--config=${configuration('control', 'control-plane.yaml')}`,
    '--data-dir=hauberk-data',
    ...tokens.map((token) => `--write-token=${token}`),
  ]);
  for (const host of SIDECARS) {
    const config = configuration(host, 'hauberk.yaml');
    processes.start(host, 'sidecar', [HAUBERK, 'proxy', `--config=${config}`]);
  }
  await Promise.all(SIDECARS.map((host) => untilReady(processes, host)));
}

/** Starts the members and resolves when all of them answer the client through the mesh. */
export async function startEtcd(processes: HostProcesses, etcdctl: Etcdctl): Promise<void> {
  for (const host of MEMBERS) {
    processes.start(host, 'etcd', ['etcd', `--config-file=${configuration(host, 'etcd.yaml')}`]);
  }
  await eventually('the members of etcd are healthy', () => etcdctl.isHealthy());
}

async function untilReady(processes: HostProcesses, host: HostName): Promise<void> {
  await eventually(`the sidecar on ${host} is ready`, async () => {
    const url = 'http://127.0.0.1:15020/healthz/ready';
    return (await processes.run(host, ['curl', '-fsS', url])).code === 0;
  });
}

function configuration(host: HostName, file: string): string {
  const path = join(import.meta.dirname, '../hosts', host, file);
  if (!existsSync(path)) throw new LabError(`expected ${path}`);
  return path;
}
