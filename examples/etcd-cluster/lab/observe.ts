import { SIDECARS } from './cluster.ts';
import { clientUrl, MEMBERS } from './etcdctl.ts';
import type { HostProcesses } from './host-processes.ts';
import { readMetrics, SIDECAR_METRICS } from './metrics.ts';

/** What etcd itself noticed, since it was started. */
export interface Unrest {
  /** Changes of the leader, as the members saw them. */
  readonly leaderChanges: number;
  /** How often a stream from one member to another ended, orderly or not. */
  readonly lostStreams: number;
}

/** What etcd writes into its log; its metrics leave out a stream that ended in an orderly way. */
const LOST_STREAM = /lost TCP streaming connection/g;

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
  const lost = MEMBERS.flatMap((host) => processes.logOf(host, 'etcd').match(LOST_STREAM) ?? []);
  return {
    leaderChanges: sums.reduce((all, sum) => all + sum('etcd_server_leader_changes_seen_total'), 0),
    lostStreams: lost.length,
  };
}
