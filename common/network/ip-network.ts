import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { canonicalAddress } from './ip-address.ts';

/** A network of IP addresses. */
export interface IpNetwork {
  /** Any address of it, in canonical form. */
  readonly address: string;
  /** How many bits all its addresses have in common. */
  readonly prefix: number;
}

/** Reads `10.0.0.0/8`, `fd00::/8`, or a single address; undefined when it is neither. */
export function readNetwork(text: string): IpNetwork | undefined {
  const [written = '', bits, ...rest] = text.split('/');
  const family = isIP(written);
  const address = canonicalAddress(written);
  // In the other family's notation the number of bits would mean something else.
  if (address === undefined || rest.length > 0 || isIP(address) !== family) return undefined;
  const longest = family === 4 ? 32 : 128;
  if (bits === undefined) return { address, prefix: longest };
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  return prefix <= longest ? { address, prefix } : undefined;
}

/** True when the address, in canonical form, is in the network. */
export function isInNetwork(address: string, { address: base, prefix }: IpNetwork): boolean {
  const family = isIP(address);
  if (family === 0 || family !== isIP(base)) return false;
  return ipaddr.parse(address).match(ipaddr.parse(base), prefix);
}
