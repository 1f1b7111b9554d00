import { VerifyError } from '../verify-error.ts';

/** One frame of a capture. */
export interface CapturedFrame {
  /** LINKTYPE_ value of the capture, as in the registry of tcpdump.org. */
  readonly linkType: number;
  /** What was kept of it; valid until the next `push`. */
  readonly bytes: Buffer;
  /** How long it was on the wire. */
  readonly wireLength: number;
}

/** Called for each frame, in the order of the capture. */
export type OnFrame = (frame: CapturedFrame) => void;

const FILE_HEADER_BYTES = 24;
const FRAME_HEADER_BYTES = 16;

/** Nothing that tcpdump writes is longer; a larger number means that the file is damaged. */
const MAX_FRAME_BYTES = 1 << 20;

/** The first four bytes, little-endian: microseconds and nanoseconds. */
const MAGICS: ReadonlySet<number> = new Set([0xa1b2c3d4, 0xa1b23c4d]);

/**
 * Reads the classic pcap format piece by piece (draft-ietf-opsawg-pcap, sections 4 and 5):
 *
 *     magic 4 | version 2+2 | zone 4 | accuracy 4 | snap length 4 | link type 4
 *     then for each frame: seconds 4 | fraction 4 | kept 4 | on the wire 4 | bytes
 *
 * All numbers are in the order of the machine that captured, which the magic number tells.
 */
export class PcapReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer = Buffer.alloc(0);
  #header: { readonly linkType: number; readonly littleEndian: boolean } | undefined;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes of the file. @throws VerifyError `capture-failed` when it is no pcap */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    if (this.#header === undefined) {
      if (bytes.length < FILE_HEADER_BYTES) {
        this.#rest = bytes;
        return;
      }
      this.#header = readFileHeader(bytes);
      at = FILE_HEADER_BYTES;
    }
    const { linkType, littleEndian } = this.#header;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const kept = readUInt32(bytes, at + 8, littleEndian);
      const wireLength = readUInt32(bytes, at + 12, littleEndian);
      if (kept > MAX_FRAME_BYTES) throw damaged(`a frame of ${kept} bytes`);
      const begin = at + FRAME_HEADER_BYTES;
      if (bytes.length < begin + kept) break;
      this.#onFrame({ linkType, bytes: bytes.subarray(begin, begin + kept), wireLength });
      at = begin + kept;
    }
    this.#rest = bytes.subarray(at);
  }

  /** Ends the file. @throws VerifyError `capture-failed` when it breaks off */
  end(): void {
    if (this.#header === undefined) throw damaged('a file without the header');
    if (this.#rest.length > 0) throw damaged('a file that breaks off within a frame');
  }
}

function readFileHeader(bytes: Buffer) {
  const littleEndian = MAGICS.has(bytes.readUInt32LE(0));
  if (!littleEndian && !MAGICS.has(bytes.readUInt32BE(0))) {
    throw damaged(`a file that begins with ${bytes.toString('hex', 0, 4)}`);
  }
  // The upper bits say how long checksums are.
  return { littleEndian, linkType: readUInt32(bytes, 20, littleEndian) & 0xffff };
}

function readUInt32(bytes: Buffer, at: number, littleEndian: boolean): number {
  return littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}

function damaged(got: string): VerifyError {
  return new VerifyError('capture-failed', `expected a capture in the pcap format, got ${got}`);
}
