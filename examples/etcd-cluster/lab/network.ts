import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** The hosts of the example, and their addresses on the wire between them. */
export const HOSTS = {
  control: '192.0.2.10',
  'etcd-1': '192.0.2.11',
  'etcd-2': '192.0.2.12',
  'etcd-3': '192.0.2.13',
  client: '192.0.2.20',
  stranger: '192.0.2.30',
} as const;

/** The name of a host, which is also that of its network namespace. */
export type HostName = keyof typeof HOSTS;

/** The wire: all that the hosts say to each other crosses it. */
export const BRIDGE = 'wire';

/** Where each host keeps its files. */
const ROOT = '/run/hosts';

/** The working directory of a host's processes. */
export function directoryOf(host: HostName): string {
  return join(ROOT, host);
}

/**
 * Makes the hosts: each a network namespace with a loopback of its own, on one bridge in the
 * namespace that this process is in. What it mounts and makes vanishes with the namespaces.
 */
export function makeHosts(): void {
  // In memory, and seen in this mount namespace alone: files of the hosts and names of namespaces.
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  ip('link set lo up');
  ip(`link add ${BRIDGE} type bridge`);
  ip(`link set ${BRIDGE} up`);
  for (const [host, address] of Object.entries(HOSTS) as [HostName, string][]) {
    mkdirSync(directoryOf(host), { recursive: true });
    ip(`netns add ${host}`);
    ip(`link add ${host} type veth peer name eth0 netns ${host}`);
    ip(`link set ${host} master ${BRIDGE} up`);
    ip(`-n ${host} link set lo up`);
    ip(`-n ${host} address add ${address}/24 dev eth0`);
    ip(`-n ${host} link set eth0 up`);
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '));
}
