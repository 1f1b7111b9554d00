import { giveBackMemory, LARGE_BYTES, SMALL_BYTES, takeMemory } from './frame-memory.ts';
import { FLAG, FRAME, FRAME_HEADER_BYTES } from './protocol.ts';

/** Where the flags are in a frame. */
const FLAGS_AT = 4;

/** There is no such frame. */
const NONE = -1;

/**
 * Frames that wait to be sent, one behind the other, in one piece of memory (RFC 9113 section 6): what
 * a turn of the event loop sends becomes one TLS record, or few.
 */
export class FrameBuffer {
  readonly #onAppend: () => void;
  readonly #firstBytes: number;
  #bytes: Buffer | undefined;
  #length = 0;
  #frames = 0;
  /** Where the last frame begins, if it is DATA. */
  #dataAt = NONE;
  #dataStreamId = 0;

  /**
   * `onAppend` is called for every frame.
   *
   * @param isSmall is true where many buffers hold little each, and false where few hold much
   */
  constructor(onAppend: () => void, isSmall = false) {
    this.#onAppend = onAppend;
    this.#firstBytes = isSmall ? SMALL_BYTES : LARGE_BYTES;
  }

  get length(): number {
    return this.#length;
  }

  /** How many frames wait. */
  get frames(): number {
    return this.#frames;
  }

  /** Takes everything out. Hand the bytes to `giveBackMemory` once they are sent. */
  take(): Buffer {
    const bytes = this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0);
    this.#bytes = undefined;
    this.#length = 0;
    this.#frames = 0;
    this.#dataAt = NONE;
    return bytes;
  }

  data(streamId: number, chunk: Uint8Array, from: number, to: number): void {
    this.#begin(FRAME.DATA, 0, streamId, to - from);
    const bytes = this.#room(to - from);
    bytes.set(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to), this.#length);
    this.#dataStreamId = streamId;
    this.#end(to - from, this.#length - FRAME_HEADER_BYTES);
  }

  /** Ends our direction of the stream: with the DATA frame before, if that still waits, or with an empty one. */
  endStream(streamId: number): void {
    if (this.#dataAt !== NONE && this.#dataStreamId === streamId) {
      this.#room(0)[this.#dataAt + FLAGS_AT] = FLAG.END_STREAM;
      return;
    }
    this.#begin(FRAME.DATA, FLAG.END_STREAM, streamId, 0);
    this.#end(0);
  }

  /** HEADERS, and CONTINUATIONs when the block is longer than the peer takes in a frame (RFC 9113 section 6.10). */
  headers(streamId: number, block: Buffer, endStream: boolean, maxFrameBytes: number): void {
    const flags = endStream ? FLAG.END_STREAM : 0;
    if (block.length <= maxFrameBytes) {
      return this.#whole(FRAME.HEADERS, flags | FLAG.END_HEADERS, streamId, block);
    }
    for (let from = 0; from < block.length; from += maxFrameBytes) {
      const part = block.subarray(from, from + maxFrameBytes);
      const isLast = from + part.length === block.length;
      const type = from === 0 ? FRAME.HEADERS : FRAME.CONTINUATION;
      const ends = isLast ? FLAG.END_HEADERS : 0;
      this.#whole(type, (from === 0 ? flags : 0) | ends, streamId, part);
    }
  }

  reset(streamId: number, code: number): void {
    this.#begin(FRAME.RST_STREAM, 0, streamId, 4);
    this.#uint32(code);
    this.#end(4);
  }

  /** Entries of identifier and value. */
  settings(entries: readonly (readonly [id: number, value: number])[]): void {
    const payload = Buffer.alloc(entries.length * 6);
    for (const [index, [id, value]] of entries.entries()) {
      payload.writeUInt16BE(id, index * 6);
      payload.writeUInt32BE(value, index * 6 + 2);
    }
    this.#whole(FRAME.SETTINGS, 0, 0, payload);
  }

  settingsAck(): void {
    this.#begin(FRAME.SETTINGS, FLAG.ACK, 0, 0);
    this.#end(0);
  }

  /** `opaque` is 8 bytes. */
  ping(opaque: Uint8Array, isAnswer: boolean): void {
    this.#whole(FRAME.PING, isAnswer ? FLAG.ACK : 0, 0, opaque);
  }

  goaway(lastStreamId: number, code: number): void {
    this.#begin(FRAME.GOAWAY, 0, 0, 8);
    this.#uint32(lastStreamId);
    this.#room(4).writeUInt32BE(code, this.#length + 4);
    this.#end(8);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#begin(FRAME.WINDOW_UPDATE, 0, streamId, 4);
    this.#uint32(increment);
    this.#end(4);
  }

  /** Bytes that are no frame: the client's preface. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length).set(bytes, this.#length);
    this.#end(bytes.length);
  }

  #whole(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.#begin(type, flags, streamId, payload.length);
    this.#room(payload.length).set(payload, this.#length);
    this.#end(payload.length);
  }

  #begin(type: number, flags: number, streamId: number, payloadBytes: number): void {
    const bytes = this.#room(FRAME_HEADER_BYTES + payloadBytes);
    const at = this.#length;
    // Byte by byte: it is the hottest line of the house, and this is what the compiler likes best.
    bytes[at] = payloadBytes >>> 16;
    bytes[at + 1] = payloadBytes >>> 8;
    bytes[at + 2] = payloadBytes;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    bytes[at + 5] = streamId >>> 24;
    bytes[at + 6] = streamId >>> 16;
    bytes[at + 7] = streamId >>> 8;
    bytes[at + 8] = streamId;
    this.#length = at + FRAME_HEADER_BYTES;
  }

  #uint32(value: number): void {
    this.#room(4).writeUInt32BE(value, this.#length);
  }

  #end(payloadBytes: number, dataAt = NONE): void {
    this.#length += payloadBytes;
    this.#frames += 1;
    this.#dataAt = dataAt;
    this.#onAppend();
  }

  /** The buffer, with room for so many bytes more. */
  #room(bytes: number): Buffer {
    const needed = this.#length + bytes;
    if (this.#bytes !== undefined && needed <= this.#bytes.length) return this.#bytes;
    if (this.#bytes === undefined) {
      this.#bytes = takeMemory(Math.max(needed, this.#firstBytes));
      return this.#bytes;
    }
    const larger = takeMemory(needed);
    this.#bytes.copy(larger, 0, 0, this.#length);
    giveBackMemory(this.#bytes);
    this.#bytes = larger;
    return larger;
  }
}
