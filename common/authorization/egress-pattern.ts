import { isIP } from 'node:net';
import { canonicalAddress } from '../network/ip-address.ts';
import type { EgressPattern } from './egress.ts';

const HOST_LABEL = '[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?';
const HOST_NAME = new RegExp(`^(?=.{1,253}$)${HOST_LABEL}(?:\\.${HOST_LABEL})*$`);

/**
 * Reads the host of a place outside: a host name in any case, or an IP address without brackets.
 *
 * @returns the one way to write it; undefined when it is neither
 */
export function readEgressHost(text: string): string | undefined {
  if (isIP(text) !== 0) return canonicalAddress(text);
  const name = text.toLowerCase();
  // A name of digits and dots only is a mistyped IPv4 address.
  return HOST_NAME.test(name) && !/^[\d.]+$/.test(name) ? name : undefined;
}

/** Reads `HOST:PORT`, `ADDRESS[/BITS]:PORT` or `[IPV6[/BITS]]:PORT`; undefined when it is none. */
export function readEgressPattern(text: string): EgressPattern | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const [, bracketed, plain = '', portText = ''] = match ?? [];
  const port = Number(portText);
  if (match === null || port < 1 || port > 65_535) return undefined;
  const [name = '', bits, ...rest] = (bracketed ?? plain).split('/');
  const host = readEgressHost(name);
  if (host === undefined || rest.length > 0) return undefined;
  const family = isIP(host);
  // In the other family's notation the number of bits would mean something else.
  if (family !== 0 && family !== isIP(name)) return undefined;
  if (bracketed !== undefined && family !== 6) return undefined;
  if (family === 0) return bits === undefined ? { kind: 'host', host, port } : undefined;
  const longest = family === 4 ? 32 : 128;
  const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  return prefix <= longest ? { kind: 'network', address: host, prefix, port } : undefined;
}

/** Writes a pattern so that `readEgressPattern` reads the same. */
export function formatEgressPattern(pattern: EgressPattern): string {
  if (pattern.kind === 'host') return `${pattern.host}:${pattern.port}`;
  const network = `${pattern.address}/${pattern.prefix}`;
  return isIP(pattern.address) === 6
    ? `[${network}]:${pattern.port}`
    : `${network}:${pattern.port}`;
}
