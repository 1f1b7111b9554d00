import { clientUrl } from './etcdctl.ts';
import type { HostProcesses } from './host-processes.ts';

/** The member that is asked to watch; puts go by all of them. */
const WATCHED_MEMBER = 2;

/** Starts to watch all keys with a beginning: it goes on while certificates come and go. */
export function startWatch(processes: HostProcesses, keyPrefix: string): void {
  const endpoint = `--endpoints=${clientUrl(WATCHED_MEMBER)}`;
  // From the first revision on: nothing is missed while it starts.
  const watch = ['watch', '--prefix', '--rev=1', keyPrefix];
  processes.start('client', 'watch', ['env', 'ETCDCTL_API=3', 'etcdctl', endpoint, ...watch]);
}

/** How many puts the watch has seen. */
export function countSeenPuts(processes: HostProcesses): number {
  return processes.logOf('client', 'watch').match(/^PUT$/gm)?.length ?? 0;
}
