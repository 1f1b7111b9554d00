import { networkInterfaces } from 'node:os';
import type { HostPort } from '../../common/config/address.ts';
import { isReachableFromElsewhere } from '../../common/network/ip-address.ts';
import { formatHostPort } from '../../common/network/listen.ts';

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
  const hosts = isEveryAddress(host) ? ownAddresses() : [host];
  return hosts.slice(0, MAX_ADDRESSES).map((one) => formatHostPort(one, port));
}

/**
 * Where Prometheus reaches the metrics of this control plane, as HOST:PORT: where sidecars reach it, unless metrics
 * are served elsewhere. On loopback alone where it has no other address.
 */
export function announcedMetrics(
  { advertise, httpListen: { host } }: AnnouncedSettings,
  port: number,
): string {
  if (!isEveryAddress(host)) return formatHostPort(host, port);
  return formatHostPort(advertise[0]?.host ?? ownAddresses()[0] ?? '127.0.0.1', port);
}

/** What was said of where this control plane is reached. */
export interface AnnouncedSettings {
  readonly advertise: readonly HostPort[];
  readonly httpListen: HostPort;
}

function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
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
  return formatHostPort(isEveryAddress(host) ? '127.0.0.1' : host, port);
}
