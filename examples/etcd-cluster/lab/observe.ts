import { SIDECARS } from './cluster.ts';
import { clientUrl, MEMBERS } from './etcdctl.ts';
import type { HostProcesses } from './host-processes.ts';
import { readMetrics, SIDECAR_METRICS } from './metrics.ts';

/** What etcd itself noticed, since it was started. */
export interface Unrest {
  /** Changes of the leader, as the members saw them. */
  readonly leaderChanges: number;
  /** How often a member lost a stream to another. */
  readonly lostPeers: number;
}

/** How often each sidecar has renewed its certificate. */
export async function countRotations(processes: HostProcesses): Promise<Record<string, number>> {
  const counts = SIDECARS.map(async (host) => {
    const sum = await readMetrics(processes, host, SIDECAR_METRICS);
    return [host, sum('hauberk_certificate_renewals_total')] as const;
  });
  return Object.fromEntries(await Promise.all(counts));
}

/** Asks every member, on its own host, what it noticed. */
export async function countUnrest(processes: HostProcesses): Promise<Unrest> {
  const sums = await Promise.all(
    MEMBERS.map((host, member) => readMetrics(processes, host, `${clientUrl(member)}/metrics`)),
  );
  const total = (metric: string): number => sums.reduce((all, sum) => all + sum(metric), 0);
  return {
    leaderChanges: total('etcd_server_leader_changes_seen_total'),
    lostPeers: total('etcd_network_disconnected_peers_total'),
  };
}
