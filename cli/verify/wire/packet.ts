import ipaddr from 'ipaddr.js';
import type { CapturedFrame } from './pcap-reader.ts';

/** A TCP segment as it went by (RFC 9293, section 3.1). */
export interface TcpSegment {
  readonly sourceAddress: string;
  readonly sourcePort: number;
  readonly destinationAddress: string;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly payload: Buffer;
}

/** What a frame is: a TCP segment, or anything else, of which the bytes are looked at as they are. */
export type DecodedFrame =
  | { readonly kind: 'tcp'; readonly segment: TcpSegment }
  | { readonly kind: 'other'; readonly bytes: Buffer };

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, serviceVlan: 0x88a8 } as const;
const PROTOCOL_TCP = 6;

/** Extension headers of IPv6 that have their length in the second byte (RFC 8200, section 4). */
const EXTENSION_HEADERS: ReadonlySet<number> = new Set([0, 43, 60, 135]);

/**
 * Takes a frame apart. Whatever is not a whole TCP segment in an unfragmented packet stays `other`:
 * nothing is thrown away, since a canary may be in it.
 */
export function decodeFrame({ linkType, bytes }: CapturedFrame): DecodedFrame {
  const packet = packetIn(linkType, bytes);
  const segment = packet && (decodeIpv4(packet) ?? decodeIpv6(packet));
  return segment ? { kind: 'tcp', segment } : { kind: 'other', bytes };
}

/** The IP packet in a frame of the link types that Linux has. */
function packetIn(linkType: number, frame: Buffer): Buffer | undefined {
  switch (linkType) {
    case 1: // LINKTYPE_ETHERNET
      return packetAfterEthertype(frame, 12);
    case 113: // LINKTYPE_LINUX_SLL
      return packetAfterEthertype(frame, 14);
    case 276: // LINKTYPE_LINUX_SLL2
      return frame.subarray(20);
    case 101: // LINKTYPE_RAW
    case 12: // the same, as some systems number it
      return frame;
    default:
      return undefined;
  }
}

function packetAfterEthertype(frame: Buffer, at: number): Buffer | undefined {
  if (frame.length < at + 2) return undefined;
  const type = frame.readUInt16BE(at);
  if (type === ETHERTYPE.vlan || type === ETHERTYPE.serviceVlan) {
    return packetAfterEthertype(frame, at + 4);
  }
  const isIp = type === ETHERTYPE.ipv4 || type === ETHERTYPE.ipv6;
  return isIp ? frame.subarray(at + 2) : undefined;
}

function decodeIpv4(packet: Buffer): TcpSegment | undefined {
  if (packet.length < 20 || packet.readUInt8(0) >> 4 !== 4) return undefined;
  const headerBytes = (packet.readUInt8(0) & 0x0f) * 4;
  const isFragment = (packet.readUInt16BE(6) & 0x3fff) !== 0;
  if (isFragment || packet.readUInt8(9) !== PROTOCOL_TCP) return undefined;
  // 0: longer than 64 KiB, as segmentation in the network card lets captures be.
  const total = packet.readUInt16BE(2) || packet.length;
  return decodeTcp(packet.subarray(headerBytes, total), {
    source: packet.subarray(12, 16),
    destination: packet.subarray(16, 20),
  });
}

function decodeIpv6(packet: Buffer): TcpSegment | undefined {
  if (packet.length < 40 || packet.readUInt8(0) >> 4 !== 6) return undefined;
  const payloadBytes = packet.readUInt16BE(4) || packet.length - 40;
  const end = 40 + payloadBytes;
  let next = packet.readUInt8(6);
  let at = 40;
  while (EXTENSION_HEADERS.has(next)) {
    if (packet.length < at + 8) return undefined;
    next = packet.readUInt8(at);
    at += (packet.readUInt8(at + 1) + 1) * 8;
  }
  if (next !== PROTOCOL_TCP) return undefined;
  return decodeTcp(packet.subarray(at, end), {
    source: packet.subarray(8, 24),
    destination: packet.subarray(24, 40),
  });
}

function decodeTcp(
  tcp: Buffer,
  { source, destination }: { readonly source: Buffer; readonly destination: Buffer },
): TcpSegment | undefined {
  if (tcp.length < 20) return undefined;
  const headerBytes = (tcp.readUInt8(12) >> 4) * 4;
  const flags = tcp.readUInt8(13);
  return {
    sourceAddress: addressOf(source),
    sourcePort: tcp.readUInt16BE(0),
    destinationAddress: addressOf(destination),
    destinationPort: tcp.readUInt16BE(2),
    sequence: tcp.readUInt32BE(4),
    syn: (flags & 0x02) !== 0,
    ack: (flags & 0x10) !== 0,
    payload: tcp.subarray(headerBytes),
  };
}

function addressOf(bytes: Buffer): string {
  return ipaddr.fromByteArray([...bytes]).toString();
}
