import type { ConnectionLimits } from './connection-limits.ts';
import type { FrameBuffer } from './frame-buffer.ts';
import { ConnectionError } from './http2-error.ts';
import { CLIENT_PREFACE } from './protocol.ts';
import { SETTING } from './settings.ts';

/** Sends the first words of either side (RFC 9113 section 3.4). */
export function greet(
  frames: FrameBuffer,
  role: 'client' | 'server',
  limits: ConnectionLimits,
): void {
  if (role === 'client') frames.raw(CLIENT_PREFACE);
  frames.settings([
    ...(role === 'client' ? [[SETTING.ENABLE_PUSH, 0] as const] : []),
    [SETTING.MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams],
    [SETTING.MAX_FRAME_SIZE, limits.frames.maxFrameBytes],
    [SETTING.MAX_HEADER_LIST_SIZE, limits.headers.maxListBytes],
    // RFC 8441 section 3.
    ...(limits.extendedConnect === true ? [[SETTING.ENABLE_CONNECT_PROTOCOL, 1] as const] : []),
  ]);
}

/** Reads the preface of a client, which a server has to see first. */
export class PrefaceReader {
  #leftBytes: number;

  constructor(role: 'client' | 'server') {
    this.#leftBytes = role === 'server' ? CLIENT_PREFACE.length : 0;
  }

  /** True when all of it has come, or none is to come. */
  get isRead(): boolean {
    return this.#leftBytes === 0;
  }

  /** Takes the preface off, and returns what is behind it; throws ConnectionError when it is another. */
  read(chunk: Buffer): Buffer {
    const start = CLIENT_PREFACE.length - this.#leftBytes;
    const bytes = Math.min(this.#leftBytes, chunk.length);
    if (CLIENT_PREFACE.compare(chunk, 0, bytes, start, start + bytes) !== 0) {
      throw new ConnectionError('PROTOCOL_ERROR', 'expected the preface of HTTP/2, got another');
    }
    this.#leftBytes -= bytes;
    return chunk.subarray(bytes);
  }
}
