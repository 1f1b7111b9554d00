/** pcap: a header of 24 bytes, then each packet with a header of 16, its length at 8. */
const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;

/** Takes what tcpdump writes, in pieces, and hands on each packet. */
export function createPacketReader(onPacket: (packet: Buffer) => void): (piece: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let skip = FILE_HEADER_BYTES;
  return (piece) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let at = 0;
    if (skip > 0) {
      if (rest.length < skip) return;
      at = skip;
      skip = 0;
    }
    while (at + PACKET_HEADER_BYTES <= rest.length) {
      const end = at + PACKET_HEADER_BYTES + rest.readUInt32LE(at + 8);
      if (end > rest.length) break;
      onPacket(rest.subarray(at + PACKET_HEADER_BYTES, end));
      at = end;
    }
    rest = rest.subarray(at);
  };
}
