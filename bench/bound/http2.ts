/** What of HTTP/2 (RFC 9113) a tunnel between two processes of this engine needs, and nothing else of it. */

/** Sent by the caller before its first frame (RFC 9113, 3.4). */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** Frame types (RFC 9113, 6). */
export const DATA = 0x0;
export const HEADERS = 0x1;
export const RST_STREAM = 0x3;
export const SETTINGS = 0x4;
export const WINDOW_UPDATE = 0x8;

/** Flags (RFC 9113, 6). */
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;

/** Error codes (RFC 9113, 7). */
export const CANCEL = 0x8;

/** The header of every frame (RFC 9113, 4.1). */
export const FRAME_HEADER_BYTES = 9;

/** The windows of a connection begin with this, whatever SETTINGS say (RFC 9113, 6.9.2). */
export const FIRST_CONNECTION_WINDOW = 65_535;
/** What either side takes on the connection as a whole, the most there is: streams alone hold each other back. */
export const CONNECTION_WINDOW = 2 ** 31 - 1;
/** What either side takes on a stream before its reader has read: more makes no flow faster on loopback. */
export const STREAM_WINDOW = 1024 * 1024;
/** The payload of a frame; one read of a plaintext socket brings at most a quarter of it. */
export const MAX_FRAME_BYTES = 256 * 1024;

const SETTINGS_HEADER_TABLE_SIZE = 0x1;
const SETTINGS_INITIAL_WINDOW_SIZE = 0x4;
const SETTINGS_MAX_FRAME_SIZE = 0x5;

/** The payload of the one SETTINGS frame of each side. A table of no bytes: header blocks are constants. */
export const SETTINGS_PAYLOAD = settings([
  [SETTINGS_HEADER_TABLE_SIZE, 0],
  [SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW],
  [SETTINGS_MAX_FRAME_SIZE, MAX_FRAME_BYTES],
]);

/**
 * The header block that opens every stream (RFC 9113, 8.5): `:method` and `:authority` as literals without indexing, whose
 * names are in HPACK's static table (RFC 7541, 6.2.2).
 */
export const CONNECT_BLOCK = Buffer.concat([
  literal(0x02, 'CONNECT'),
  literal(0x01, 'api.bench:8080'),
]);

/** The header block of every answer: `:status 200`, indexed (RFC 7541, 6.1). */
export const ANSWER_BLOCK = Buffer.from([0x88]);

function literal(name: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value, 'latin1')]);
}

function settings(pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([id, value], at) => {
    payload.writeUInt16BE(id, 6 * at);
    payload.writeUInt32BE(value, 6 * at + 2);
  });
  return payload;
}
