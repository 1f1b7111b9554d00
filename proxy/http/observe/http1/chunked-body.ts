import { ParseError } from '../parse-error.ts';

const LF = 0x0a;
const CR = 0x0d;

/** A chunk of more hexadecimal digits is larger than numbers are exact. */
const MAX_SIZE_DIGITS = 13;

/** What of a chunked body comes next. */
type Part = 'size' | 'extension' | 'data' | 'data-end' | 'trailers';

/** Counts its way through a body in chunks (RFC 9112 section 7.1), and keeps nothing of it. */
export class ChunkedBody {
  #part: Part = 'size';
  #size = 0;
  #digits = 0;
  #leftBytes = 0;
  #lineBytes = 0;
  /** Of the data that passed in the last `read`. */
  dataBytes = 0;
  isWhole = false;

  /** @returns where it stopped: at the end of the chunk, or of the body. @throws ParseError */
  read(chunk: Buffer, from: number): number {
    this.dataBytes = 0;
    let at = from;
    while (at < chunk.length && !this.isWhole) {
      if (this.#part === 'data') {
        const passed = Math.min(this.#leftBytes, chunk.length - at);
        this.dataBytes += passed;
        this.#leftBytes -= passed;
        at += passed;
        if (this.#leftBytes === 0) this.#part = 'data-end';
      } else if (this.#part === 'extension') {
        const lineEnd = chunk.indexOf(LF, at);
        if (lineEnd < 0) return chunk.length;
        at = lineEnd + 1;
        this.#endSize();
      } else {
        this.#readByte(chunk[at] ?? 0);
        at += 1;
      }
    }
    return at;
  }

  #readByte(byte: number): void {
    if (this.#part === 'trailers') return this.#readTrailers(byte);
    if (this.#part === 'size') return this.#readSize(byte);
    if (byte === LF) return this.#beginSize();
    if (byte !== CR) throw new ParseError('malformed', 'expected the end of a chunk, got more');
  }

  #readSize(byte: number): void {
    const value = hexDigit(byte);
    if (value >= 0) {
      this.#size = this.#size * 16 + value;
      this.#digits += 1;
    } else if (byte === LF) {
      return this.#endSize();
    } else if (byte !== CR) {
      // An extension, or space before it or instead of it.
      if (byte !== 0x3b && byte !== 0x20 && byte !== 0x09) throw malformedSize();
      this.#part = 'extension';
    }
    if (this.#digits > MAX_SIZE_DIGITS) throw malformedSize();
  }

  #beginSize(): void {
    this.#part = 'size';
    this.#size = 0;
    this.#digits = 0;
  }

  #endSize(): void {
    if (this.#digits === 0) throw malformedSize();
    this.#leftBytes = this.#size;
    this.#lineBytes = 0;
    this.#part = this.#size > 0 ? 'data' : 'trailers';
  }

  /** Lines until an empty one. */
  #readTrailers(byte: number): void {
    if (byte === LF) {
      this.isWhole = this.#lineBytes === 0;
      this.#lineBytes = 0;
    } else if (byte !== CR) this.#lineBytes += 1;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function malformedSize(): ParseError {
  return new ParseError('malformed', 'expected the size of a chunk, got something else');
}
