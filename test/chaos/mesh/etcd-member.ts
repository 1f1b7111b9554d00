import type { EtcdCluster } from '../../helpers/etcd/etcd-cluster.ts';
import type { Scope } from '../../helpers/scope.ts';
import type { MeshProcess } from './kept-process.ts';

const LOOK_INTERVAL_MS = 500;

/** A member as a process of the mesh: started again when it ends by itself. */
export function keepMember(
  scope: Scope,
  { name, cluster, member }: { name: string; cluster: EtcdCluster; member: number },
  onExit: (name: string, how: string) => void,
): MeshProcess {
  let isWanted = true;
  const look = setInterval(() => {
    if (!isWanted || cluster.pid(member) !== undefined) return;
    onExit(name, 'ended');
    cluster.start(member);
  }, LOOK_INTERVAL_MS);
  scope.teardown(() => clearInterval(look));
  return {
    name,
    get pid() {
      return cluster.pid(member);
    },
    signal(signal) {
      const pid = cluster.pid(member);
      if (pid !== undefined) process.kill(pid, signal);
    },
    async kill() {
      isWanted = false;
      await cluster.kill(member);
    },
    start() {
      isWanted = true;
      cluster.start(member);
    },
  };
}
