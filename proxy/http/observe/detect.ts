import { CLIENT_PREFACE, FRAME, FRAME_HEADER_BYTES } from '../../http2/protocol.ts';

/** A longer request line is not waited for (RFC 9112 section 3 recommends 8000 at least). */
const MAX_LINE_BYTES = 8 * 1024;

/** The longest registered method has 17 (UPDATEREDIRECTREF). */
const MAX_METHOD_BYTES = 32;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

const RESPONSE_START = Buffer.from('HTTP/1.', 'latin1');

/**
 * Recognises the protocol by the first bytes of a client; undefined while more are needed.
 *
 * HTTP/1: a method, a space, and a first line that ends with its version. HTTP/2: the client's preface.
 */
export function detectClient(bytes: Buffer): 'http1' | 'http2' | 'tcp' | undefined {
  if (startsAlike(bytes, CLIENT_PREFACE)) {
    return bytes.length < CLIENT_PREFACE.length ? undefined : 'http2';
  }
  let at = 0;
  while (at < bytes.length && isOfMethod(bytes[at] ?? 0)) at += 1;
  if (at > MAX_METHOD_BYTES) return 'tcp';
  if (at === bytes.length) return undefined;
  if (at === 0 || bytes[at] !== SPACE) return 'tcp';
  const lineEnd = bytes.indexOf(LF, at);
  if (lineEnd > MAX_LINE_BYTES) return 'tcp';
  if (lineEnd < 0) return bytes.length > MAX_LINE_BYTES ? 'tcp' : undefined;
  return endsWithVersion(bytes, lineEnd) ? 'http1' : 'tcp';
}

/** Whether the first bytes of a server are of the protocol; undefined while more are needed. */
export function isServerOf(protocol: 'http1' | 'http2', bytes: Buffer): boolean | undefined {
  if (protocol === 'http2') return beginsWithSettings(bytes);
  if (!startsAlike(bytes, RESPONSE_START)) return false;
  return bytes.length < RESPONSE_START.length ? undefined : true;
}

/** A server's first frame is SETTINGS, which it may send before it has heard anything (RFC 9113 section 3.4). */
function beginsWithSettings(bytes: Buffer): boolean | undefined {
  const known = Math.min(bytes.length, FRAME_HEADER_BYTES);
  for (let at = 0; at < known; at += 1) {
    // The third byte is the length: entries of six bytes each, and never so many.
    const expected = at === 3 ? FRAME.SETTINGS : 0;
    if (at !== 2 && bytes[at] !== expected) return false;
  }
  return known < FRAME_HEADER_BYTES ? undefined : true;
}

function startsAlike(bytes: Buffer, start: Buffer): boolean {
  const known = Math.min(bytes.length, start.length);
  for (let at = 0; at < known; at += 1) if (bytes[at] !== start[at]) return false;
  return true;
}

/** Letters, digits, `-` and `_`: the registered methods have no more. */
function isOfMethod(byte: number): boolean {
  const letter = byte | 0x20;
  return (
    (letter >= 0x61 && letter <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2d ||
    byte === 0x5f
  );
}

/** Whether the line that ends there ends with ` HTTP/1.0` or ` HTTP/1.1`. */
export function endsWithVersion(bytes: Buffer, lineEnd: number): boolean {
  const end = bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
  const minor = bytes[end - 1];
  if (minor !== 0x30 && minor !== 0x31) return false;
  const start = end - 1 - RESPONSE_START.length;
  if (start < 1 || bytes[start - 1] !== SPACE) return false;
  for (let at = 0; at < RESPONSE_START.length; at += 1) {
    if (bytes[start + at] !== RESPONSE_START[at]) return false;
  }
  return true;
}
