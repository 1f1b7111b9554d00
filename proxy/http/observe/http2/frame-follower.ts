import { HpackDecoder } from '../../../http2/hpack/decoder.ts';
import type { HeaderField } from '../../../http2/hpack/static-table.ts';
import { FLAG, FRAME, FRAME_HEADER_BYTES } from '../../../http2/protocol.ts';
import { checkHeadBytes, KeptBytes, type KeptMemory } from '../kept-bytes.ts';
import { ParseError } from '../parse-error.ts';

/** Hears of the frames of one direction that matter for requests. */
export interface FrameHandler {
  headers(streamId: number, fields: readonly HeaderField[], endStream: boolean): void;
  /** The last byte of a DATA frame has passed; `bytes` are without padding. */
  data(streamId: number, bytes: number, endStream: boolean): void;
  reset(streamId: number, code: number): void;
}

/** Server and client refuse more than this long before; a block that repeats an entry must not become megabytes. */
const HEADER_LIMITS = { maxListBytes: 256 * 1024, maxFields: 2_000 };

/** Stream dependency and weight, which are obsolete (RFC 9113 section 5.3.2). */
const PRIORITY_BYTES = 5;

const RESET_BYTES = 4;

/** What of a frame comes next. */
type Part = 'header' | 'padding-length' | 'skipped' | 'kept';

/**
 * Follows the frames of one direction of an HTTP/2 connection (RFC 9113 section 4.1), however they are cut.
 * DATA is counted and never kept; each header block is decoded, since the table is shared by all of them.
 */
export class FrameFollower {
  readonly #handler: FrameHandler;
  readonly #decoder = new HpackDecoder(HEADER_LIMITS);
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  /** The payload of a frame that is not whole. */
  readonly #payload: KeptBytes;
  /** A header block that goes on in CONTINUATION. */
  readonly #block: KeptBytes;
  #blockStreamId = 0;
  #blockEndsStream = false;
  #part: Part = 'header';
  #headerBytes = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #leftBytes = 0;
  #dataBytes = 0;

  constructor(handler: FrameHandler, memory: KeptMemory) {
    this.#handler = handler;
    this.#payload = new KeptBytes(memory);
    this.#block = new KeptBytes(memory);
  }

  release(): void {
    this.#payload.clear();
    this.#block.clear();
  }

  /** @throws ParseError, ConnectionError, and what the handler throws */
  read(chunk: Buffer, from: number): void {
    let at = from;
    while (at < chunk.length) {
      switch (this.#part) {
        case 'header':
          at = this.#readHeader(chunk, at);
          break;
        case 'padding-length':
          this.#dataBytes = Math.max(this.#leftBytes - 1 - (chunk[at] ?? 0), 0);
          this.#leftBytes -= 1;
          at += 1;
          this.#skipRest();
          break;
        case 'skipped':
          at = this.#skip(chunk, at);
          break;
        case 'kept':
          at = this.#keep(chunk, at);
          break;
      }
    }
  }

  #readHeader(chunk: Buffer, start: number): number {
    if (this.#headerBytes === 0 && chunk.length - start >= FRAME_HEADER_BYTES) {
      this.#begin(chunk, start);
      return start + FRAME_HEADER_BYTES;
    }
    const end = Math.min(chunk.length, start + FRAME_HEADER_BYTES - this.#headerBytes);
    this.#headerBytes += chunk.copy(this.#header, this.#headerBytes, start, end);
    if (this.#headerBytes === FRAME_HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#begin(this.#header, 0);
    }
    return end;
  }

  #begin(bytes: Buffer, at: number): void {
    const length = (byteAt(bytes, at) << 16) | (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2);
    this.#type = byteAt(bytes, at + 3);
    this.#flags = byteAt(bytes, at + 4);
    this.#streamId =
      ((byteAt(bytes, at + 5) & 0x7f) << 24) |
      (byteAt(bytes, at + 6) << 16) |
      (byteAt(bytes, at + 7) << 8) |
      byteAt(bytes, at + 8);
    this.#leftBytes = length;
    this.#dataBytes = length;
    this.#checkOrder();
    switch (this.#type) {
      case FRAME.DATA:
        if ((this.#flags & FLAG.PADDED) !== 0 && length > 0) this.#part = 'padding-length';
        else this.#skipRest();
        return;
      case FRAME.RST_STREAM:
        if (length !== RESET_BYTES) throw malformed(`RST_STREAM of ${length} bytes`);
        this.#part = 'kept';
        return;
      case FRAME.HEADERS:
      case FRAME.CONTINUATION:
        checkHeadBytes(length);
        this.#part = 'kept';
        if (length === 0) this.#endKept(bytes.subarray(0, 0));
        return;
      case FRAME.PUSH_PROMISE:
        throw new ParseError('unsupported', 'expected no server push, got PUSH_PROMISE');
      default:
        this.#skipRest();
    }
  }

  /** A header block is not interrupted (RFC 9113 section 4.3), and the tables would be lost. */
  #checkOrder(): void {
    const isContinuation = this.#type === FRAME.CONTINUATION;
    if (isContinuation !== this.#blockStreamId > 0) throw malformed('frames in a wrong order');
    if (isContinuation && this.#streamId !== this.#blockStreamId) {
      throw malformed('CONTINUATION of another stream');
    }
    const isOfStream = this.#type <= FRAME.RST_STREAM;
    if (isOfStream && this.#streamId === 0)
      throw malformed('a frame of a stream without its number');
  }

  #skipRest(): void {
    this.#part = 'skipped';
    if (this.#leftBytes === 0) this.#endSkipped();
  }

  #skip(chunk: Buffer, start: number): number {
    const passed = Math.min(this.#leftBytes, chunk.length - start);
    this.#leftBytes -= passed;
    if (this.#leftBytes === 0) this.#endSkipped();
    return start + passed;
  }

  #endSkipped(): void {
    this.#part = 'header';
    if (this.#type !== FRAME.DATA) return;
    this.#handler.data(this.#streamId, this.#dataBytes, (this.#flags & FLAG.END_STREAM) !== 0);
  }

  #keep(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#leftBytes);
    this.#leftBytes -= end - start;
    if (this.#leftBytes === 0 && this.#payload.length === 0) {
      this.#endKept(chunk.subarray(start, end));
      return end;
    }
    this.#payload.append(chunk, start, end);
    if (this.#leftBytes > 0) return end;
    const payload = this.#payload.bytes;
    this.#payload.clear();
    this.#endKept(payload);
    return end;
  }

  #endKept(payload: Buffer): void {
    this.#part = 'header';
    if (this.#type === FRAME.RST_STREAM) {
      return this.#handler.reset(this.#streamId, payload.readUInt32BE(0));
    }
    const isFirst = this.#type === FRAME.HEADERS;
    const fragment = isFirst ? withoutPadding(payload, this.#flags) : payload;
    if (isFirst) this.#blockEndsStream = (this.#flags & FLAG.END_STREAM) !== 0;
    const isLast = (this.#flags & FLAG.END_HEADERS) !== 0;
    if (isFirst && isLast) return this.#endBlock(fragment);
    this.#blockStreamId = this.#streamId;
    this.#block.append(fragment, 0, fragment.length);
    if (!isLast) return;
    this.#blockStreamId = 0;
    const block = this.#block.bytes;
    this.#block.clear();
    this.#endBlock(block);
  }

  #endBlock(block: Buffer): void {
    this.#handler.headers(this.#streamId, this.#decoder.decode(block), this.#blockEndsStream);
  }
}

/** Takes padding and priority off (RFC 9113 section 6.2). */
function withoutPadding(payload: Buffer, flags: number): Buffer {
  const isPadded = (flags & FLAG.PADDED) !== 0;
  const hasPriority = (flags & FLAG.PRIORITY) !== 0;
  const start = (isPadded ? 1 : 0) + (hasPriority ? PRIORITY_BYTES : 0);
  const end = payload.length - (isPadded ? byteAt(payload, 0) : 0);
  if (end < start) throw malformed('HEADERS shorter than their padding');
  return payload.subarray(start, end);
}

function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0;
}

function malformed(got: string): ParseError {
  return new ParseError('malformed', `expected frames of HTTP/2, got ${got}`);
}
