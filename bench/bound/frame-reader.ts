import { BenchError } from '../bench-error.ts';
import { DATA, FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from './http2.ts';

/** Takes what a `FrameReader` finds. */
export interface FrameHandler {
  /** Part of the payload of a DATA frame, as it came. */
  data(streamId: number, bytes: Buffer): void;
  /** The end of a DATA frame, after all of its payload. */
  dataEnded(streamId: number, flags: number): void;
  /** Any other frame, whole. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void;
}

/** Cuts bytes into frames. DATA is handed on as it comes, so that no payload is put together from its parts. */
export class FrameReader {
  readonly #handler: FrameHandler;
  /** Part of a header or of a payload that is not whole yet. */
  #kept: Buffer | undefined;
  /** What is left of the payload of the DATA frame under way; -1 between frames. */
  #dataLeft = -1;
  #flags = 0;
  #streamId = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Takes the next bytes, in order. @throws BenchError `tunnel-failed` for a frame that is too large */
  read(chunk: Buffer): void {
    const bytes = this.#kept === undefined ? chunk : Buffer.concat([this.#kept, chunk]);
    this.#kept = undefined;
    let at = 0;
    for (;;) {
      if (this.#dataLeft >= 0) {
        const end = Math.min(at + this.#dataLeft, bytes.length);
        if (end > at) this.#handler.data(this.#streamId, bytes.subarray(at, end));
        this.#dataLeft -= end - at;
        at = end;
        if (this.#dataLeft > 0) return;
        this.#dataLeft = -1;
        this.#handler.dataEnded(this.#streamId, this.#flags);
      }
      const payloadAt = at + FRAME_HEADER_BYTES;
      if (payloadAt > bytes.length) break;
      const length = bytes.readUIntBE(at, 3);
      if (length > MAX_FRAME_BYTES) {
        const sentence = `expected frames of at most ${MAX_FRAME_BYTES} bytes, got one of ${length}`;
        throw new BenchError('tunnel-failed', sentence);
      }
      const type = bytes[at + 3] ?? 0;
      this.#flags = bytes[at + 4] ?? 0;
      this.#streamId = bytes.readUInt32BE(at + 5);
      if (type === DATA) {
        this.#dataLeft = length;
        at = payloadAt;
        continue;
      }
      const end = payloadAt + length;
      if (end > bytes.length) break;
      this.#handler.frame(type, this.#flags, this.#streamId, bytes.subarray(payloadAt, end));
      at = end;
    }
    if (at < bytes.length) this.#kept = bytes.subarray(at);
  }
}
