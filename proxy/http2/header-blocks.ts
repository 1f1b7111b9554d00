import { HpackDecoder } from './hpack/decoder.ts';
import type { HeaderLimits } from './hpack/decoder.ts';
import type { HeaderField } from './hpack/static-table.ts';
import { ConnectionError } from './http2-error.ts';
import { DEFAULT_FRAME_BYTES, FLAG } from './protocol.ts';

/** The fields of a HEADERS frame and its CONTINUATIONs. */
export interface HeaderBlock {
  readonly streamId: number;
  readonly fields: readonly HeaderField[];
  /** There were more fields than are taken. */
  readonly isCut: boolean;
  readonly endStream: boolean;
  /** It names its own stream as the one that it depends on: a stream error (RFC 7540 section 5.3.1). */
  readonly dependsOnItself: boolean;
}

/** What is known of a block from its first frame. */
type BegunBlock = Omit<HeaderBlock, 'fields' | 'isCut'>;

/** A block is no longer than what it may decode to, twice over. */
const BLOCK_BYTES_PER_LIST_BYTE = 2;

/** More frames for a block of usual size are an attack (CVE-2024-27316); a longer one may have as many as it needs. */
const MIN_CONTINUATIONS = 8;

/** Stream dependency and weight, which are obsolete (RFC 9113 section 5.3.2). */
const PRIORITY_BYTES = 5;

/**
 * Puts header blocks together from HEADERS and CONTINUATION frames (RFC 9113 sections 6.2 and 6.10),
 * and decodes them.
 */
export class HeaderBlocks {
  readonly #decoder: HpackDecoder;
  readonly #maxBytes: number;
  readonly #maxContinuations: number;
  #open: (BegunBlock & { readonly parts: Buffer[] }) | undefined;
  #bytes = 0;

  constructor(limits: HeaderLimits) {
    this.#decoder = new HpackDecoder(limits);
    this.#maxBytes = BLOCK_BYTES_PER_LIST_BYTE * limits.maxListBytes;
    const needed = Math.ceil(this.#maxBytes / DEFAULT_FRAME_BYTES);
    this.#maxContinuations = Math.max(MIN_CONTINUATIONS, needed);
  }

  /** The stream whose block is not whole yet: nothing but its CONTINUATIONs may come now. */
  get pendingStreamId(): number | undefined {
    return this.#open?.streamId;
  }

  /**
   * Takes a HEADERS frame.
   *
   * @returns the block, or undefined when CONTINUATIONs have to follow
   * @throws ConnectionError `FRAME_SIZE_ERROR`, `PROTOCOL_ERROR`, and those of HpackDecoder
   */
  headers(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    const { fragment, dependency } = openHeaders(flags, payload);
    const begun = {
      streamId,
      endStream: (flags & FLAG.END_STREAM) !== 0,
      dependsOnItself: dependency === streamId,
    };
    if ((flags & FLAG.END_HEADERS) !== 0) {
      return this.#decoded(begun, fragment);
    }
    this.#open = { ...begun, parts: [Buffer.from(fragment)] };
    this.#bytes = fragment.length;
    return undefined;
  }

  /** Takes a CONTINUATION frame; returns and throws as `headers` does. */
  continuation(flags: number, streamId: number, payload: Buffer): HeaderBlock | undefined {
    const open = this.#open;
    if (open === undefined || open.streamId !== streamId) {
      throw new ConnectionError('PROTOCOL_ERROR', 'expected HEADERS before CONTINUATION, got none');
    }
    this.#bytes += payload.length;
    if (this.#bytes > this.#maxBytes || open.parts.length > this.#maxContinuations) {
      const got = `${this.#bytes} bytes in ${open.parts.length + 1} frames, and no end`;
      throw new ConnectionError('ENHANCE_YOUR_CALM', `expected a short header block, got ${got}`);
    }
    open.parts.push(Buffer.from(payload));
    if ((flags & FLAG.END_HEADERS) === 0) return undefined;
    this.#open = undefined;
    return this.#decoded(open, Buffer.concat(open.parts));
  }

  /** Each property by name: it is made for every message, and a spread costs several times as much. */
  #decoded({ streamId, endStream, dependsOnItself }: BegunBlock, block: Buffer): HeaderBlock {
    const fields = this.#decoder.decode(block);
    return { streamId, endStream, dependsOnItself, fields, isCut: this.#decoder.isCut };
  }
}

/** Takes padding and priority off (RFC 9113 section 6.2). */
function openHeaders(
  flags: number,
  payload: Buffer,
): { readonly fragment: Buffer; readonly dependency: number | undefined } {
  const isPadded = (flags & FLAG.PADDED) !== 0;
  const hasPriority = (flags & FLAG.PRIORITY) !== 0;
  const start = (isPadded ? 1 : 0) + (hasPriority ? PRIORITY_BYTES : 0);
  if (payload.length < start) {
    const sentence = `expected HEADERS of ${start} bytes at least, got ${payload.length}`;
    throw new ConnectionError('FRAME_SIZE_ERROR', sentence);
  }
  const end = payload.length - (isPadded ? payload.readUInt8(0) : 0);
  if (end < start) {
    throw new ConnectionError('PROTOCOL_ERROR', 'expected padding within the frame, got more');
  }
  const dependency = hasPriority ? payload.readUInt32BE(isPadded ? 1 : 0) & 0x7fffffff : undefined;
  return { fragment: payload.subarray(start, end), dependency };
}
