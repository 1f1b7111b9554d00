import type { Field } from '../message.ts';
import type { BodyFault, BodyReader, BodyReaderOptions, BodySink } from './body-reader.ts';
import { isFieldSection, readFieldSection } from './field-section.ts';
import { HeadInput } from './head-input.ts';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const SEMICOLON = 0x3b;
const DEL = 0x7f;

/** With leading zeros. */
const MAX_SIZE_DIGITS = 16;

/** Of all chunks of one body together. They have no known use but to make a proxy work (CVE-2023-39326). */
const MAX_EXTENSION_BYTES = 16_384;

/** What ends a body after its last byte: `\r\n0\r\n\r\n`. */
const END_BYTES = 7;

/**
 * Reads a body in chunks (RFC 9112 section 7.1), to the letter: extensions are ignored, trailers are kept.
 *
 *     size -> extension -> line feed -> data -> data's CR -> data's LF -> size ...
 *       0 ----------------------------> trailers -> whole
 */
export class ChunkedReader implements BodyReader {
  fault: BodyFault | undefined;
  trailers: readonly Field[] | undefined;
  isWhole = false;
  readonly #isRequest: boolean;
  readonly #trailerInput: HeadInput;
  #state:
    'size' | 'padding' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers' =
    'size';
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  #framingBytes = 0;

  constructor({ maxTrailerBytes, isRequest }: BodyReaderOptions) {
    this.#isRequest = isRequest;
    this.#trailerInput = new HeadInput(maxTrailerBytes);
  }

  takeFramingBytes(): number {
    const bytes = this.#framingBytes;
    this.#framingBytes = 0;
    return bytes;
  }

  read(chunk: Buffer, from: number, more: boolean, isOwned: boolean, sink: BodySink): number {
    let at = from;
    while (at < chunk.length) {
      if (this.#state === 'data') {
        const to = Math.min(chunk.length, at + this.#size);
        this.#size -= to - at;
        if (this.#size === 0) this.#state = 'data-cr';
        const piece = chunk.subarray(at, to);
        at = to;
        sink.take(piece, more || chunk.length - to > END_BYTES, isOwned);
        continue;
      }
      const before = at;
      if (this.#state === 'trailers') at = this.#readTrailers(chunk, at);
      else if (this.#step(chunk[at] ?? 0)) at += 1;
      this.#framingBytes += at - before;
      if (this.isWhole || this.fault !== undefined) return at;
    }
    return at;
  }

  /** @returns false when the byte was not taken: it belongs to the next state */
  #step(byte: number): boolean {
    switch (this.#state) {
      case 'size':
        return this.#readSize(byte);
      case 'padding':
        // Some servers pad the size with spaces to a fixed width; what we send on has none.
        if (byte === SPACE || byte === TAB) return this.#countExtension();
        if (byte === SEMICOLON) this.#state = 'extension';
        else if (byte === CR) return this.#endSize();
        else this.#break('expected the end of a chunk size, got something else');
        return true;
      case 'extension':
        if (byte === CR) return this.#endSize();
        if ((byte < SPACE && byte !== TAB) || byte === DEL) {
          this.#break('expected text in a chunk extension, got a control character');
        }
        return this.#countExtension();
      case 'size-lf':
        this.#expect(byte, LF, 'data');
        return true;
      case 'data-cr':
        this.#expect(byte, CR, 'data-lf');
        return true;
      case 'data-lf':
        this.#expect(byte, LF, 'size');
        return true;
      case 'data':
      case 'trailers':
        return true;
    }
  }

  #readSize(byte: number): boolean {
    const digit = hexOf(byte);
    if (digit >= 0) {
      this.#digits += 1;
      this.#size = this.#size * 16 + digit;
      if (this.#digits > MAX_SIZE_DIGITS || this.#size > Number.MAX_SAFE_INTEGER) {
        this.#break('expected a chunk size within 2^53 bytes, got a larger one');
      }
      return true;
    }
    if (this.#digits === 0) {
      this.#break('expected a chunk size in hexadecimal digits, got something else');
    } else if (byte === CR) {
      return this.#endSize();
    } else if (byte === SEMICOLON) {
      this.#state = 'extension';
    } else if (!this.#isRequest && (byte === SPACE || byte === TAB)) {
      this.#state = 'padding';
    } else {
      this.#break('expected the end of a chunk size, got something else');
    }
    return true;
  }

  /** At the CR after the size and its extensions; the last one's is the beginning of the trailers. */
  #endSize(): boolean {
    this.#digits = 0;
    this.#state = this.#size === 0 ? 'trailers' : 'size-lf';
    return this.#size > 0;
  }

  #countExtension(): boolean {
    this.#extensionBytes += 1;
    if (this.#extensionBytes > MAX_EXTENSION_BYTES) {
      const sentence = `expected at most ${MAX_EXTENSION_BYTES} bytes of chunk extensions, got more`;
      this.#break(sentence);
    }
    return true;
  }

  #expect(byte: number, expected: number, next: 'data' | 'data-lf' | 'size'): void {
    if (byte === expected) this.#state = next;
    else this.#break('expected CR LF at the end of a chunk and its size, got something else');
  }

  /** From the CR LF after the last chunk's size to the empty line. */
  #readTrailers(chunk: Buffer, at: number): number {
    const input = this.#trailerInput;
    const text = input.read(chunk, at);
    if (text !== undefined) this.#endTrailers(text);
    else if (input.fault === 'malformed') this.#break(TRAILER_SENTENCE);
    else if (input.fault === 'too-large') this.#refuseSize();
    return input.next;
  }

  #endTrailers(text: string): void {
    const from = 2;
    if (!text.startsWith('\r\n') || !isFieldSection(text, from)) {
      return this.#break(TRAILER_SENTENCE);
    }
    const section = readFieldSection(text, from);
    if (section === undefined) return this.#refuseSize();
    const { fields, hosts, contentLengths, transferEncodings } = section;
    const isFramed = hosts.length + contentLengths.length + transferEncodings.length > 0;
    if (isFramed && this.#isRequest) {
      return this.#break('expected no Host, Content-Length or Transfer-Encoding in trailers');
    }
    this.trailers = fields.length > 0 ? fields : undefined;
    this.isWhole = true;
  }

  #refuseSize(): void {
    const sentence = 'expected trailers within the limit of a head, got more';
    this.fault = { reason: 'headers-too-large', sentence };
  }

  #break(sentence: string): void {
    this.fault ??= { reason: 'malformed', sentence };
  }
}

const TRAILER_SENTENCE = 'expected trailers as lines that end with CR LF, got something else';

/** The value of a digit, or -1. */
function hexOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
