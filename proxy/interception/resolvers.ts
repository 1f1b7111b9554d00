import { readFile } from 'node:fs/promises';
import { canonicalAddress, isLoopback } from '../../common/ip-address.ts';

/** Where systems say whom they ask for names. */
export const RESOLV_CONF = '/etc/resolv.conf';

/**
 * The DNS servers that are asked from a network namespace, by its resolv.conf (resolv.conf(5)). Docker's
 * resolver, at 127.0.0.11, asks others from inside the namespace, as root, which the engine names in a
 * comment; those that it asks from the host are in `host(…)`.
 *
 * @returns IP addresses in canonical form, without those of this host, which nothing captures
 */
export function resolversOf(resolvConf: string): readonly string[] {
  const named = resolvConf.split('\n').flatMap((line) => {
    const server = /^\s*nameserver\s+(\S+)/.exec(line)?.[1];
    if (server !== undefined) return [server];
    return /^# ExtServers: \[(.*)\]/.exec(line)?.[1]?.split(/\s+/) ?? [];
  });
  const addresses = named.flatMap((text) => canonicalAddress(text) ?? []);
  return [...new Set(addresses)].filter((address) => !isLoopback(address));
}

/** Reads them; none when there is no such file, and then DNS over TCP is captured like everything. */
export async function readResolvers(path: string): Promise<readonly string[]> {
  try {
    return resolversOf(await readFile(path, 'utf8'));
  } catch {
    return [];
  }
}
