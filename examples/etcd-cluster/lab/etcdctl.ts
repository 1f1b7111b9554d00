import { LabError } from './lab-error.ts';
import type { Ended, HostProcesses } from './host-processes.ts';

/** The members. Member 2 is 127.0.10.2 on every host. */
export const MEMBERS = ['etcd-1', 'etcd-2', 'etcd-3'] as const;

/** Where clients reach a member, on every host. */
export function clientUrl(member: number): string {
  return `http://127.0.10.${member + 1}:2379`;
}

/** Who leads the cluster, and since which election. */
export interface Leadership {
  readonly leader: (typeof MEMBERS)[number];
  readonly term: number;
}

/** Calls etcd as the client does: on the client's host, through its sidecar. */
export interface Etcdctl {
  put(member: number, key: string, value: string): Promise<Ended>;
  /** A linearizable read: the member asks the leader. */
  get(member: number, key: string): Promise<Ended>;
  isHealthy(): Promise<boolean>;
  leadership(): Promise<Leadership>;
}

const ALL = MEMBERS.map((_, member) => clientUrl(member)).join(',');

/** Long enough for a busy machine; a call that has to wait for an election takes longer. */
const TIMEOUTS = ['--dial-timeout=5s', '--command-timeout=5s'];

/** The real `etcdctl`, one endpoint a call, so that no other member covers up for a failure. */
export function createEtcdctl(processes: HostProcesses): Etcdctl {
  const call = (endpoints: string, words: readonly string[]): Promise<Ended> => {
    const flags = [`--endpoints=${endpoints}`, ...TIMEOUTS];
    return processes.run('client', ['env', 'ETCDCTL_API=3', 'etcdctl', ...flags, ...words]);
  };
  return {
    put: (member, key, value) => call(clientUrl(member), ['put', key, value]),
    get: (member, key) => call(clientUrl(member), ['get', '--print-value-only', key]),
    isHealthy: async () => (await call(ALL, ['endpoint', 'health'])).code === 0,
    async leadership() {
      const { stdout, stderr } = await call(ALL, ['endpoint', 'status', '--write-out=simple']);
      // http://127.0.10.1:2379, 8e9e05c52164694d, 3.4.23, 20 kB, true, false, 2, 9, 9,
      const rows = stdout.trim().split('\n');
      const statuses = rows.map((row) => {
        const [url, , , , isLeader, , term] = row.split(', ');
        return { url, isLeader: isLeader === 'true', term: Number(term) };
      });
      const leaders = MEMBERS.filter((_, member) =>
        statuses.some(({ url, isLeader }) => isLeader && url === clientUrl(member)),
      );
      const [leader, ...others] = leaders;
      const [term = NaN, ...otherTerms] = new Set(statuses.map((status) => status.term));
      const isSettled =
        statuses.length === MEMBERS.length && [...others, ...otherTerms].length === 0;
      if (leader === undefined || Number.isNaN(term) || !isSettled) {
        throw new LabError(
          `expected one leader and one term of all members, not:\n${stdout}${stderr}`,
        );
      }
      return { leader, term };
    },
  };
}
