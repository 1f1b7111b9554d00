import { ConnectionError } from './http2-error.ts';
import { FLAG, FRAME, FRAME_HEADER_BYTES } from './protocol.ts';

/** What becomes of the frames of a connection. */
export interface FrameHandler {
  /** A DATA frame begins. All of `payloadBytes`, padding included, counts against the windows. */
  dataBegins(streamId: number, payloadBytes: number): void;
  /**
   * A piece of the frame's data, as it arrived. It is valid during the call only.
   *
   * @param more is true when the rest of the frame has yet to come
   */
  data(chunk: Buffer, more: boolean): void;
  /** The frame has ended. */
  dataEnds(paddingBytes: number, endStream: boolean): void;
  /** Any other frame of a known type, whole. `payload` is valid during the call only. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void;
  /** A frame of an unknown type, which is skipped (RFC 9113 section 4.1). */
  unknownFrame(): void;
}

/** Bounds of what is taken. */
export interface FrameReaderLimits {
  /** What we announce as SETTINGS_MAX_FRAME_SIZE. */
  readonly maxFrameBytes: number;
  /** The same for frames that are collected before they are looked at: all but DATA. */
  readonly maxControlFrameBytes: number;
}

/** What the reader is in the midst of. */
type Reading = 'header' | 'pad-length' | 'data' | 'padding' | 'control' | 'unknown';

const NO_BYTES = Buffer.alloc(0);

/**
 * Cuts the bytes of a connection into frames (RFC 9113 section 4.1), however they were cut on their
 * way. DATA is handed on as it arrives and never collected; other frames are, and are short.
 *
 *     +-----------------------------------------------+
 *     |                 Length (24)                   |
 *     +---------------+---------------+---------------+
 *     |   Type (8)    |   Flags (8)   |
 *     +-+-------------+---------------+-------------------------------+
 *     |R|                 Stream Identifier (31)                      |
 *     +=+=============================================================+
 *     |                   Frame Payload (0...)                      ...
 *     +---------------------------------------------------------------+
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #limits: FrameReaderLimits;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #reading: Reading = 'header';
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Of the present part of the frame: payload, data or padding. */
  #leftBytes = 0;
  #paddingBytes = 0;
  #collected: Buffer = NO_BYTES;
  #collectedBytes = 0;

  constructor(handler: FrameHandler, limits: FrameReaderLimits) {
    this.#handler = handler;
    this.#limits = limits;
  }

  /** Of the DATA frame that is being read, what has yet to come. */
  get pendingBytes(): number {
    switch (this.#reading) {
      case 'pad-length':
      case 'padding':
        return this.#leftBytes;
      case 'data':
        return this.#leftBytes + Math.max(this.#paddingBytes - 1, 0);
      case 'header':
      case 'control':
      case 'unknown':
        return 0;
    }
  }

  /**
   * Reads what has arrived.
   *
   * @throws ConnectionError `FRAME_SIZE_ERROR`, `PROTOCOL_ERROR`, or what the handler throws
   */
  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#reading) {
        case 'header':
          at = this.#readHeader(chunk, at);
          break;
        case 'pad-length':
          this.#beginPadded(chunk[at] ?? 0);
          at += 1;
          break;
        case 'data':
          at = this.#readData(chunk, at);
          break;
        case 'control':
          at = this.#readControl(chunk, at);
          break;
        case 'padding':
        case 'unknown':
          at = this.#skip(chunk, at);
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
    chunk.copy(this.#header, this.#headerBytes, start, end);
    this.#headerBytes += end - start;
    if (this.#headerBytes === FRAME_HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#begin(this.#header, 0);
    }
    return end;
  }

  #begin(bytes: Buffer, at: number): void {
    // Byte by byte, as the frames are written: the readers of Buffer check what is known here.
    const length = (byteAt(bytes, at) << 16) | (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2);
    this.#type = byteAt(bytes, at + 3);
    this.#flags = byteAt(bytes, at + 4);
    this.#streamId =
      ((byteAt(bytes, at + 5) & 0x7f) << 24) |
      (byteAt(bytes, at + 6) << 16) |
      (byteAt(bytes, at + 7) << 8) |
      byteAt(bytes, at + 8);
    this.#leftBytes = length;
    if (length > this.#limits.maxFrameBytes) throw this.#tooLong(this.#limits.maxFrameBytes);
    if (this.#type === FRAME.DATA) this.#beginData(length);
    else if (this.#type > FRAME.CONTINUATION) this.#beginUnknown(length);
    else this.#beginControl(length);
  }

  #beginData(length: number): void {
    this.#paddingBytes = 0;
    const isPadded = (this.#flags & FLAG.PADDED) !== 0;
    if (isPadded && length === 0) {
      throw new ConnectionError('FRAME_SIZE_ERROR', 'expected a length of padding, got no payload');
    }
    this.#handler.dataBegins(this.#streamId, length);
    if (isPadded) this.#reading = 'pad-length';
    else if (length > 0) this.#reading = 'data';
    else this.#endData();
  }

  /** The length of the padding counts as padding (RFC 9113 section 6.1). */
  #beginPadded(padLength: number): void {
    const dataBytes = this.#leftBytes - 1 - padLength;
    if (dataBytes < 0) {
      const got = `${padLength} bytes in a payload of ${this.#leftBytes}`;
      throw new ConnectionError('PROTOCOL_ERROR', `expected padding within the frame, got ${got}`);
    }
    this.#paddingBytes = padLength + 1;
    this.#leftBytes = dataBytes;
    if (dataBytes > 0) this.#reading = 'data';
    else this.#dataRead();
  }

  #readData(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#leftBytes);
    this.#leftBytes -= end - start;
    this.#handler.data(chunk.subarray(start, end), this.#leftBytes > 0);
    if (this.#leftBytes === 0) this.#dataRead();
    return end;
  }

  #dataRead(): void {
    this.#leftBytes = Math.max(this.#paddingBytes - 1, 0);
    if (this.#leftBytes > 0) this.#reading = 'padding';
    else this.#endData();
  }

  #endData(): void {
    this.#reading = 'header';
    this.#handler.dataEnds(this.#paddingBytes, (this.#flags & FLAG.END_STREAM) !== 0);
  }

  #beginUnknown(length: number): void {
    this.#reading = length > 0 ? 'unknown' : 'header';
    this.#handler.unknownFrame();
  }

  #skip(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#leftBytes);
    this.#leftBytes -= end - start;
    if (this.#leftBytes > 0) return end;
    if (this.#reading === 'padding') this.#endData();
    else this.#reading = 'header';
    return end;
  }

  #beginControl(length: number): void {
    const { maxControlFrameBytes } = this.#limits;
    if (length > maxControlFrameBytes) throw this.#tooLong(maxControlFrameBytes);
    if (length > 0) this.#reading = 'control';
    else this.#handler.frame(this.#type, this.#flags, this.#streamId, NO_BYTES);
  }

  #readControl(chunk: Buffer, start: number): number {
    const end = Math.min(chunk.length, start + this.#leftBytes);
    this.#leftBytes -= end - start;
    const isWhole = this.#leftBytes === 0;
    if (isWhole && this.#collectedBytes === 0) {
      this.#endControl(chunk.subarray(start, end));
      return end;
    }
    if (this.#collectedBytes === 0) {
      this.#collected = Buffer.allocUnsafe(end - start + this.#leftBytes);
    }
    this.#collectedBytes += chunk.copy(this.#collected, this.#collectedBytes, start, end);
    if (isWhole) this.#endControl(this.#collected);
    return end;
  }

  #endControl(payload: Buffer): void {
    this.#reading = 'header';
    this.#collected = NO_BYTES;
    this.#collectedBytes = 0;
    this.#handler.frame(this.#type, this.#flags, this.#streamId, payload);
  }

  #tooLong(limit: number): ConnectionError {
    const got = `${this.#leftBytes}`;
    return new ConnectionError('FRAME_SIZE_ERROR', `expected at most ${limit} bytes, got ${got}`);
  }
}

function byteAt(bytes: Buffer, at: number): number {
  return bytes[at] ?? 0;
}
