import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Writes an IP address the one way that can be compared: IPv6 as RFC 5952 has it, an IPv4 address
 * inside IPv6 (`::ffff:10.0.0.1`, as dual-stack sockets name it) as the IPv4 address.
 *
 * @returns undefined for text that is no IP address, or has a zone, which means nothing elsewhere
 */
export function canonicalAddress(text: string): string | undefined {
  const family = isIP(text);
  // Four decimal numbers without leading zeros: there is no other way to write it.
  if (family === 4) return text;
  if (family === 0 || text.includes('%')) return undefined;
  return ipaddr.process(text).toString();
}

/** What a host has all of: it takes any address of it. */
const HOST_BITS = 64;

/** What providers and tunnel brokers give to a customer on request: 65,536 networks of hosts (RFC 6177 section 2). */
const SITE_BITS = 48;

/** Addresses that are not routed in the Internet. */
const OWN_NETWORKS = new Set(['uniqueLocal', 'linkLocal', 'loopback']);

/**
 * What a limit for one host of our own networks is counted by: an IPv4 address, or the /64 of an IPv6 address. Text
 * that is no address is one host like any other.
 */
export function hostNetwork(address: string): string {
  return networkOf(address, () => HOST_BITS);
}

/**
 * What a limit for one client out of the Internet is counted by: an IPv4 address, or the /48 of an IPv6 address, so that an attacker
 * who has one counts once. Those who share it share the limit, as those behind one IPv4 address do. Addresses that
 * are not of the Internet are those of our own networks, as `hostNetwork` has them.
 */
export function clientNetwork(address: string): string {
  return networkOf(address, (ip) => (OWN_NETWORKS.has(ip.range()) ? HOST_BITS : SITE_BITS));
}

function networkOf(address: string, bitsOf: (ip: ipaddr.IPv6) => number): string {
  const [withoutZone = ''] = address.split('%', 1);
  const canonical = canonicalAddress(withoutZone);
  if (canonical === undefined) return address;
  if (isIP(canonical) === 4) return canonical;
  const bits = bitsOf(ipaddr.IPv6.parse(canonical));
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${canonical}/${bits}`).toString()}/${bits}`;
}

/** Addresses that no single host can be dialled at: any, broadcast, multicast. */
const UNDIALLABLE = new Set(['unspecified', 'broadcast', 'multicast']);

/** Addresses that mean another host on each host, or on each link. */
const LOCAL_ONLY = new Set(['loopback', 'linkLocal']);

/** True for an address that one host can have, loopback included. Takes any IP address. */
export function isDiallable(address: string): boolean {
  return !UNDIALLABLE.has(ipaddr.process(address).range());
}

/** True for an address under which other hosts can mean this one. Takes any IP address. */
export function isReachableFromElsewhere(address: string): boolean {
  const range = ipaddr.process(address).range();
  return !UNDIALLABLE.has(range) && !LOCAL_ONLY.has(range);
}

/** True for 127.0.0.0/8 and ::1. Takes any IP address. */
export function isLoopback(address: string): boolean {
  // Asked for each connection to an application: most often the first digits say it.
  if (isIP(address) === 4) return address.startsWith('127.');
  return ipaddr.process(address).range() === 'loopback';
}

/** The same of a host that may be a name, of which `localhost` alone is known to stay here (RFC 6761, section 6.3). */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
}
