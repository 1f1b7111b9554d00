import type { BodyReader, BodyReaderOptions, BodySink } from './body-reader.ts';
import { ChunkedReader } from './chunked-reader.ts';

/** The reader for a body of that framing (RFC 9112 section 6). */
export function createBodyReader(
  framing: number | 'chunked' | 'until-close',
  options: BodyReaderOptions,
): BodyReader {
  if (framing === 'chunked') return new ChunkedReader(options);
  return new LengthReader(framing === 'until-close' ? Infinity : framing);
}

/** A body of a known length, or one that the end of the connection ends. */
class LengthReader implements BodyReader {
  readonly fault = undefined;
  readonly trailers = undefined;
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  takeFramingBytes(): number {
    return 0;
  }

  read(chunk: Buffer, at: number, more: boolean, isOwned: boolean, sink: BodySink): number {
    const to = Math.min(chunk.length, at + this.#left);
    if (to === at) return at;
    this.#left -= to - at;
    const piece = at === 0 && to === chunk.length ? chunk : chunk.subarray(at, to);
    sink.take(piece, more && this.#left > 0, isOwned);
    return to;
  }
}
