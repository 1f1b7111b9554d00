/** Who takes part. Names of hosts are those of what runs on them. */

/** Members of etcd, each on a host of its own. */
export const ETCD_MEMBERS = ['etcd-0', 'etcd-1', 'etcd-2'] as const;

/** Control planes, each on a host of its own. */
export const CONTROL_PLANES = ['control-0', 'control-1'] as const;

/** Hosts with an application that records writes, and a sidecar that exposes it. */
export const RECORDERS = ['orders-0', 'orders-1', 'vault-0'] as const;

/** Hosts with an application that writes to others through its sidecar. */
export const WRITERS = ['web-0', 'web-1', 'intruder-0'] as const;

/** Hosts with a sidecar that has to be well after each round. */
export const MESHED = [...RECORDERS, ...WRITERS] as const;

/** Its identity is revoked before the first fault. */
export const OUTCAST = 'outcast-0';

/** The harness's own host: no fault is about it. */
export const OBSERVER = 'observer';

/** All hosts, in the order of their addresses. */
export const HOSTS = [...ETCD_MEMBERS, ...CONTROL_PLANES, ...MESHED, OUTCAST, OBSERVER] as const;

/** One of them. */
export type HostName = (typeof HOSTS)[number];

/** What runs beside the sidecar of a host. */
export function applicationOf(host: string): string {
  return `${host}.app`;
}

/** The service that the instances `orders-0` and `orders-1` are of. */
export function serviceOf(host: string): string {
  return host.replace(/-\d+$/, '');
}

/** Processes that may be killed and stopped. */
export const PROCESSES: readonly string[] = [
  ...ETCD_MEMBERS,
  ...CONTROL_PLANES,
  ...MESHED,
  ...MESHED.map(applicationOf),
];
