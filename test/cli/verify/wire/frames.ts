/** One segment to make a frame of; numbers are what a test does not care about. */
export interface SegmentOptions {
  readonly from?: readonly [string, number];
  readonly to?: readonly [string, number];
  readonly sequence: number;
  readonly flags?: 'syn' | 'syn-ack' | 'ack';
  readonly payload?: string | Buffer;
}

export const CLIENT = ['10.0.0.1', 40_000] as const;
export const SERVER = ['10.0.0.2', 15_008] as const;

const FLAGS = { syn: 0x02, 'syn-ack': 0x12, ack: 0x10 } as const;

/** An Ethernet frame with an IPv4 packet with a TCP segment. */
export function tcpFrame(options: SegmentOptions): Buffer {
  const { from = CLIENT, to = SERVER, sequence, flags = 'ack', payload = '' } = options;
  const body = Buffer.from(payload);
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(from[1], 0);
  tcp.writeUInt16BE(to[1], 2);
  tcp.writeUInt32BE(sequence >>> 0, 4);
  tcp.writeUInt8(5 << 4, 12);
  tcp.writeUInt8(FLAGS[flags], 13);
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(40 + body.length, 2);
  ip.writeUInt8(6, 9);
  ip.set(from[0].split('.').map(Number), 12);
  ip.set(to[0].split('.').map(Number), 16);
  return Buffer.concat([ethernet(0x0800), ip, tcp, body]);
}

/** The same over IPv6, within a VLAN, with a hop-by-hop header before TCP. */
export function tcpFrameV6(payload: string): Buffer {
  const body = Buffer.from(payload);
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(40_000, 0);
  tcp.writeUInt16BE(15_008, 2);
  tcp.writeUInt8(5 << 4, 12);
  const hopByHop = Buffer.from([6, 0, 1, 4, 0, 0, 0, 0]);
  const ip = Buffer.alloc(40);
  ip.writeUInt8(0x60, 0);
  ip.writeUInt16BE(hopByHop.length + 20 + body.length, 4);
  ip.writeUInt8(0, 6);
  ip.writeUInt8(0xfd, 8);
  ip.writeUInt8(1, 23);
  ip.writeUInt8(0xfd, 24);
  ip.writeUInt8(2, 39);
  const vlan = Buffer.from([0, 7, 0x86, 0xdd]);
  return Buffer.concat([ethernet(0x8100), vlan, ip, hopByHop, tcp, body]);
}

/** Any other Ethernet frame. */
export function otherFrame(payload: string): Buffer {
  return Buffer.concat([ethernet(0x0806), Buffer.from(payload)]);
}

function ethernet(type: number): Buffer {
  const header = Buffer.alloc(14);
  header.writeUInt16BE(type, 12);
  return header;
}

/** A file in the pcap format, as tcpdump writes it. */
export function pcapFile(
  frames: readonly Buffer[],
  { magic = 0xa1b2c3d4, littleEndian = true, snapLength = 262_144 } = {},
): Buffer {
  const numbers = (...values: readonly number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 4);
    for (const [at, value] of values.entries()) {
      if (littleEndian) bytes.writeUInt32LE(value, at * 4);
      else bytes.writeUInt32BE(value, at * 4);
    }
    return bytes;
  };
  return Buffer.concat([
    numbers(magic, littleEndian ? 0x0004_0002 : 0x0002_0004, 0, 0, snapLength, 1),
    ...frames.flatMap((frame) => {
      const kept = frame.subarray(0, snapLength);
      return [numbers(1, 2, kept.length, frame.length), kept];
    }),
  ]);
}
