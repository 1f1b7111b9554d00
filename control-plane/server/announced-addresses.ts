import { networkInterfaces } from 'node:os';
import type { HostPort } from '../../common/config/address.ts';
import { isReachableFromElsewhere } from '../../common/ip-address.ts';
import { formatHostPort } from '../../common/listen.ts';

/** A host has few networks that sidecars come from; what is announced is shown to operators. */
const MAX_ADDRESSES = 8;

/**
 * Where sidecars reach this control plane, as HOST:PORT: what the operator says, or else the address that
 * it listens on, or else those of this host.
 */
export function announcedAddresses(
  given: readonly HostPort[],
  listening: HostPort,
): readonly string[] {
  if (given.length > 0) return given.map(({ host, port }) => formatHostPort(host, port));
  const { host, port } = listening;
  const isAny = host === '0.0.0.0' || host === '::';
  const hosts = isAny ? ownAddresses() : [host];
  return hosts.slice(0, MAX_ADDRESSES).map((one) => formatHostPort(one, port));
}

function ownAddresses(): readonly string[] {
  try {
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    return all.map(({ address }) => address).filter(isReachableFromElsewhere);
  } catch {
    // Without a descriptor to ask with.
    return [];
  }
}

/** Something that can be dialled on this machine. */
export function reachable(host: string, port: number): string {
  // Every address is also that of IPv4's loopback, with IPv6 or without.
  const isAny = host === '0.0.0.0' || host === '::';
  return formatHostPort(isAny ? '127.0.0.1' : host, port);
}
