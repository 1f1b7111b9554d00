import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { canonicalAddress } from '../../../common/network/ip-address.ts';
import type { Decision } from '../../stream/peek.ts';
import type { SocketAddress, Source } from './source.ts';

// The PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, section 2.2):
//
//     signature (12) | version 2, command (1) | family, transport (1) | length (2) | addresses | TLVs
//                            0 LOCAL, 1 PROXY    0x11 TCP over IPv4: 12 bytes of addresses
//                                                0x21 TCP over IPv6: 36 bytes of addresses

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FIXED_BYTES = 16;
const VERSION = 2;
const COMMAND = { local: 0, proxy: 1 } as const;
const FAMILY = { ipv4: 0x11, ipv6: 0x21 } as const;
const ADDRESS_BYTES = { [FAMILY.ipv4]: 4, [FAMILY.ipv6]: 16 } as const;

/** Addresses and what proxies add in TLVs take some hundreds of bytes. */
export const MAX_PROXY_HEADER_BYTES = 4_096;

/** What a header says. */
export type ProxyHeader =
  | { readonly kind: 'proxied'; readonly source: Source }
  /** The proxy speaks for itself, as in a health check. */
  | { readonly kind: 'local' }
  | { readonly kind: 'malformed' };

const MALFORMED: Decision<ProxyHeader> = { kind: 'done', value: { kind: 'malformed' }, taken: 0 };

/** Reads the header at the beginning of a connection. TLVs are passed over. */
export function readProxyHeader(bytes: Buffer): Decision<ProxyHeader> {
  const begin = bytes.subarray(0, SIGNATURE.length);
  if (!begin.equals(SIGNATURE.subarray(0, begin.length))) return MALFORMED;
  if (bytes.length < FIXED_BYTES) return { kind: 'wait' };
  const version = bytes.readUInt8(12) >> 4;
  const command = bytes.readUInt8(12) & 0x0f;
  const family = bytes.readUInt8(13);
  const length = bytes.readUInt16BE(14);
  const taken = FIXED_BYTES + length;
  if (version !== VERSION || taken > MAX_PROXY_HEADER_BYTES) return MALFORMED;
  if (command !== COMMAND.local && command !== COMMAND.proxy) return MALFORMED;
  if (bytes.length < taken) return { kind: 'wait' };
  if (command === COMMAND.local) return { kind: 'done', value: { kind: 'local' }, taken };
  const source = readAddresses(bytes.subarray(FIXED_BYTES, taken), family);
  if (source === undefined) return MALFORMED;
  return { kind: 'done', value: { kind: 'proxied', source }, taken };
}

function readAddresses(bytes: Buffer, family: number): Source | undefined {
  // Datagrams, UNIX sockets and "unspecified" name no client that an application could be told of.
  if (family !== FAMILY.ipv4 && family !== FAMILY.ipv6) return undefined;
  const size = ADDRESS_BYTES[family];
  if (bytes.length < 2 * size + 4) return undefined;
  const client = readAddress(bytes.subarray(0, size), bytes.readUInt16BE(2 * size));
  const local = readAddress(bytes.subarray(size, 2 * size), bytes.readUInt16BE(2 * size + 2));
  return client === undefined || local === undefined ? undefined : { client, local };
}

function readAddress(bytes: Buffer, port: number): SocketAddress | undefined {
  const address = canonicalAddress(ipaddr.fromByteArray([...bytes]).toString());
  return address === undefined ? undefined : { address, port };
}

/** Writes the header that tells a service where a connection comes from. */
export function writeProxyHeader({ client, local }: Source): Buffer {
  const both = isIP(client.address) === 4 && isIP(local.address) === 4;
  const addresses = [client, local].map(({ address }) => bytesOf(address, both));
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(client.port, 0);
  ports.writeUInt16BE(local.port, 2);
  const rest = Buffer.concat([...addresses, ports]);
  const fixed = Buffer.alloc(4);
  fixed.writeUInt8((VERSION << 4) | COMMAND.proxy, 0);
  fixed.writeUInt8(both ? FAMILY.ipv4 : FAMILY.ipv6, 1);
  fixed.writeUInt16BE(rest.length, 2);
  return Buffer.concat([SIGNATURE, fixed, rest]);
}

/** One header has one family: beside an IPv6 address, an IPv4 address is written inside IPv6. */
function bytesOf(address: string, asIpv4: boolean): Buffer {
  const parsed = ipaddr.parse(address);
  if (asIpv4 || parsed instanceof ipaddr.IPv6) return Buffer.from(parsed.toByteArray());
  return Buffer.from(parsed.toIPv4MappedAddress().toByteArray());
}
