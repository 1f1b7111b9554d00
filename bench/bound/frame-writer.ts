import type { TLSSocket } from 'node:tls';
import { DATA, FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from './http2.ts';

const FIRST_BYTES = 256 * 1024;
/** A buffer that has grown beyond this is not kept. */
const KEPT_BYTES = 1024 * 1024;
/** With so much waiting, no more is read of plaintext sockets. */
const FULL_BYTES = 256 * 1024;

/**
 * Gathers frames, and writes all that there are at once: one call into TLS, and mostly one record, for many streams.
 *
 * One write is under way at a time, so that two buffers take turns. On a quiet connection frames leave at once; where the
 * last write had several, the next one waits for the end of the turn of the event loop, since more will come.
 */
export class FrameWriter {
  readonly #socket: TLSSocket;
  readonly #onWritten: () => void;
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #spare = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  #frames = 0;
  #isShared = false;
  #isScheduled = false;
  #isWriting = false;

  /** @param onWritten called after each write */
  constructor(socket: TLSSocket, onWritten: () => void) {
    this.#socket = socket;
    this.#onWritten = onWritten;
  }

  /** Whether readers have to wait until something was written. */
  get isFull(): boolean {
    return this.#length >= FULL_BYTES;
  }

  /** Bytes that belong to no frame. */
  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#length += bytes.copy(this.#buffer, this.#length);
  }

  /** A frame with this payload. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.#begin(type, flags, streamId, payload.length);
    this.#length += payload.copy(this.#buffer, this.#length);
  }

  /** A frame whose payload is one number of 32 bits. */
  number(type: number, streamId: number, value: number): void {
    this.#begin(type, 0, streamId, 4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  /** DATA frames with a copy of these bytes. */
  data(streamId: number, bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; at += MAX_FRAME_BYTES) {
      const end = Math.min(at + MAX_FRAME_BYTES, to);
      this.#begin(DATA, 0, streamId, end - at);
      this.#length += bytes.copy(this.#buffer, this.#length, at, end);
    }
  }

  #begin(type: number, flags: number, streamId: number, payloadBytes: number): void {
    this.#reserve(FRAME_HEADER_BYTES + payloadBytes);
    const buffer = this.#buffer;
    const at = this.#length;
    buffer[at] = payloadBytes >>> 16;
    buffer[at + 1] = payloadBytes >>> 8;
    buffer[at + 2] = payloadBytes;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = streamId >>> 24;
    buffer[at + 6] = streamId >>> 16;
    buffer[at + 7] = streamId >>> 8;
    buffer[at + 8] = streamId;
    this.#length = at + FRAME_HEADER_BYTES;
    this.#frames += 1;
    if (this.#isScheduled || this.#isWriting) return;
    this.#isScheduled = true;
    if (this.#isShared) setImmediate(this.#write);
    else queueMicrotask(this.#write);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, needed));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  readonly #write = (): void => {
    this.#isScheduled = false;
    if (this.#isWriting || this.#length === 0 || this.#socket.destroyed) return;
    this.#isWriting = true;
    this.#isShared = this.#frames > 1;
    const bytes = this.#buffer.subarray(0, this.#length);
    const next =
      this.#spare.length > KEPT_BYTES ? Buffer.allocUnsafeSlow(FIRST_BYTES) : this.#spare;
    this.#spare = this.#buffer;
    this.#buffer = next;
    this.#length = 0;
    this.#frames = 0;
    this.#socket.write(bytes, this.#written);
  };

  readonly #written = (error?: Error | null): void => {
    this.#isWriting = false;
    // The socket's own events say what happened.
    if (error) return;
    this.#write();
    this.#onWritten();
  };
}
