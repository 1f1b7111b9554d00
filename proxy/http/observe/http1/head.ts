import { METHODS, type MethodLabel } from '../../../metrics/requests/labels.ts';
import { endsWithVersion } from '../detect.ts';

const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const COMMA = 0x2c;
const COLON = 0x3a;

const CONTENT_LENGTH = Buffer.from('content-length', 'latin1');
const TRANSFER_ENCODING = Buffer.from('transfer-encoding', 'latin1');
const RESPONSE_START = Buffer.from('HTTP/1.', 'latin1');

const METHOD_BYTES = METHODS.filter((method) => method !== 'other').map(
  (method) => [method, Buffer.from(method, 'latin1')] as const,
);

/** A sum of digits beyond this is not exact. */
const MAX_DIGITS = 15;

/**
 * The head of a message, of which only that is read which frames and labels it, byte by byte and in one go
 * (RFC 9112 sections 3, 4 and 6). One object for all messages of a direction.
 */
export class Head {
  /** Of a request. */
  method: MethodLabel = 'other';
  /** Of a request, where `keepsTarget` is set; otherwise empty. */
  target = '';
  keepsTarget = false;
  /** Of a response. */
  status = 0;
  /** -1 when there is none. */
  contentLength = -1;
  hasTransferEncoding = false;
  /** `chunked` is the last transfer coding. */
  isChunked = false;
  /** Something of it is not as it should be. Known for sure when it is whole, so that no cut matters. */
  isMalformed = false;
  readonly #isRequest: boolean;

  constructor(isRequest: boolean) {
    this.#isRequest = isRequest;
  }

  /**
   * Reads the head that begins at `from`.
   *
   * @returns where its body begins; 0 when it is not whole
   */
  read(bytes: Buffer, from: number): number {
    this.contentLength = -1;
    this.hasTransferEncoding = false;
    this.isChunked = false;
    this.isMalformed = false;
    let at = lineEndOf(bytes, from);
    if (at === bytes.length) return 0;
    if (this.#isRequest) this.#readRequestLine(bytes, from, at);
    else this.#readStatusLine(bytes, from, at);
    for (;;) {
      const start = at + 1;
      at = lineEndOf(bytes, start);
      if (at >= bytes.length) return 0;
      if (at === start || (at === start + 1 && bytes[start] === CR)) return at + 1;
      const first = (bytes[start] ?? 0) | 0x20;
      // c or t: the names that matter begin with one of them.
      if (first === 0x63) this.#readContentLength(bytes, start, at);
      else if (first === 0x74) this.#readTransferEncoding(bytes, start, at);
    }
  }

  #readRequestLine(bytes: Buffer, from: number, lineEnd: number): void {
    if (!endsWithVersion(bytes, lineEnd)) this.isMalformed = true;
    this.method = methodAt(bytes, from);
    this.target = this.keepsTarget ? targetAt(bytes, from, lineEnd) : '';
  }

  /** `HTTP/1.1 200 OK`; a reason phrase, and the space before it, are missing from some. */
  #readStatusLine(bytes: Buffer, from: number, lineEnd: number): void {
    const at = from + RESPONSE_START.length;
    const hundreds = digit(bytes[at + 2]);
    const tens = digit(bytes[at + 3]);
    const ones = digit(bytes[at + 4]);
    const isStatusLine =
      lineEnd >= at + 5 &&
      matches(bytes, from, RESPONSE_START) &&
      bytes[at + 1] === SPACE &&
      hundreds >= 1 &&
      hundreds <= 5 &&
      tens >= 0 &&
      ones >= 0;
    if (!isStatusLine) this.isMalformed = true;
    this.status = hundreds * 100 + tens * 10 + ones;
  }

  /** Several that say the same are one (RFC 9112 section 6.3). */
  #readContentLength(bytes: Buffer, start: number, lineEnd: number): void {
    const colon = start + CONTENT_LENGTH.length;
    if (bytes[colon] !== COLON || !matches(bytes, start, CONTENT_LENGTH)) return;
    let value = 0;
    let digits = 0;
    let isOver = false;
    for (let at = colon + 1; at <= lineEnd; at += 1) {
      const byte = bytes[at] ?? 0;
      const one = digit(byte);
      if (one >= 0 && !isOver) {
        value = value * 10 + one;
        digits += 1;
      } else if (byte === LF || byte === COMMA) {
        const isOther = this.contentLength >= 0 && this.contentLength !== value;
        if (digits === 0 || digits > MAX_DIGITS || isOther) this.isMalformed = true;
        this.contentLength = value;
        value = 0;
        digits = 0;
        isOver = false;
      } else if (byte === SPACE || byte === TAB || byte === CR) {
        isOver = digits > 0;
      } else this.isMalformed = true;
    }
  }

  #readTransferEncoding(bytes: Buffer, start: number, lineEnd: number): void {
    const colon = start + TRANSFER_ENCODING.length;
    if (bytes[colon] !== COLON || !matches(bytes, start, TRANSFER_ENCODING)) return;
    this.hasTransferEncoding = true;
    const codings = bytes
      .toString('latin1', colon + 1, lineEnd)
      .toLowerCase()
      .split(',');
    this.isChunked = codings.at(-1)?.trim() === 'chunked';
  }
}

/** Where the line that begins there has its LF; the length of `bytes` when it has none. */
function lineEndOf(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && bytes[at] !== LF) at += 1;
  return at;
}

/** What stands between the method and the version (RFC 9112 section 3.2). */
function targetAt(bytes: Buffer, from: number, lineEnd: number): string {
  const start = bytes.indexOf(SPACE, from) + 1;
  const end = bytes.lastIndexOf(SPACE, lineEnd);
  return start > from && start <= end && end < lineEnd ? bytes.toString('latin1', start, end) : '';
}

function methodAt(bytes: Buffer, from: number): MethodLabel {
  for (const [method, name] of METHOD_BYTES) {
    if (bytes[from] !== name[0] || bytes[from + name.length] !== SPACE) continue;
    // A method is case-sensitive (RFC 9110 section 9.1).
    let at = 1;
    while (at < name.length && bytes[from + at] === name[at]) at += 1;
    if (at === name.length) return method;
  }
  return 'other';
}

/** Whether the bytes are there, whatever the case; `name` is in lower case, or has no letters that are. */
function matches(bytes: Buffer, from: number, name: Buffer): boolean {
  for (let at = 0; at < name.length; at += 1) {
    const byte = bytes[from + at] ?? 0;
    const expected = name[at] ?? 0;
    const isSame =
      byte === expected || (byte >= 0x41 && byte <= 0x5a && (byte | 0x20) === expected);
    if (!isSame) return false;
  }
  return true;
}

/** The value of a digit; -1 for anything else. */
function digit(byte: number | undefined): number {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : -1;
}
