import { END_HEADERS, FRAME, frame } from './http2-frames.ts';

/** A field as it is written, whether that is allowed or not; bytes as latin1 characters. */
export type RawField = readonly [name: string, value: string];

/** Flags of DATA, HEADERS, SETTINGS and PING (RFC 9113 section 6). */
export const END_STREAM = 1;
export const ACK = 1;

/** A type that `FRAME` does not have. */
export const GOAWAY = 7;

/** What came in a frame. */
export interface ReadFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Takes bytes as they come, and calls back with each frame that is whole. */
export function splitFrames(came: (read: ReadFrame) => void): (chunk: Buffer) => void {
  let buffered = Buffer.alloc(0);
  return (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 9 && buffered.length >= 9 + buffered.readUIntBE(0, 3)) {
      const end = 9 + buffered.readUIntBE(0, 3);
      const [type = 0, flags = 0] = buffered.subarray(3, 5);
      const [stream, payload] = [buffered.readUInt32BE(5), buffered.subarray(9, end)];
      buffered = buffered.subarray(end);
      came({ type, flags, stream, payload });
    }
  };
}

/** HEADERS with fields as literals without indexing (RFC 7541 section 6.2.2), of any length. */
export function headersFrame(stream: number, fields: readonly RawField[], isLast: boolean): Buffer {
  const payload = Buffer.concat(fields.map(literal));
  const flags = END_HEADERS | (isLast ? END_STREAM : 0);
  return frame({ type: FRAME.headers, flags, stream, payload });
}

/** DATA; bytes as latin1 characters. */
export function dataFrame(stream: number, bytes: string, isLast: boolean): Buffer {
  const payload = Buffer.from(bytes, 'latin1');
  return frame({ type: FRAME.data, flags: isLast ? END_STREAM : 0, stream, payload });
}

/** RST_STREAM. */
export function resetFrame(stream: number, code: number): Buffer {
  return frame({ type: FRAME.reset, stream, payload: uint32(code) });
}

/** GOAWAY. */
export function goawayFrame(lastStream: number, code = 0): Buffer {
  return frame({ type: GOAWAY, payload: Buffer.concat([uint32(lastStream), uint32(code)]) });
}

/** WINDOW_UPDATE; of the connection, for stream 0. */
export function windowFrame(stream: number, bytes: number): Buffer {
  return frame({ type: FRAME.windowUpdate, stream, payload: uint32(bytes) });
}

function literal([name, value]: RawField): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(characters: string): Buffer {
  const bytes = Buffer.from(characters, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** An integer with a prefix of seven bits (RFC 7541 section 5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
