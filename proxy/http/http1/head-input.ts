const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const DEL = 0x7f;

/** The empty line after a section of lines, with the end of the line before it. */
const END = Buffer.from('\r\n\r\n', 'latin1');

/** What is gathered at first; most heads are smaller. */
const FIRST_BYTES = 2_048;

/** Why a head cannot be read, before its end has come. */
export type HeadFault = 'malformed' | 'too-large';

/**
 * Finds the end of a head (RFC 9112 section 2.1) and gives the whole as one string of latin1 characters: cut from
 * the chunk where it came in one, which it nearly always does, and gathered otherwise.
 *
 * What comes in pieces is judged by the same rules as the whole, and as early as can be: a client that speaks no
 * HTTP hears so at its first line.
 */
export class HeadInput {
  /** Where the chunk goes on after what `read` took. */
  next = 0;
  fault: HeadFault | undefined;
  /** The first line with its end, when it has come and more has not. */
  line: string | undefined;
  readonly #maxBytes: number;
  #buffer: Buffer | undefined;
  #bytes = 0;
  /** The last byte that was looked at. */
  #last = 0;

  /** @param maxBytes the head with its empty line */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** True when nothing of a head was gathered. */
  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  /** @returns the head with its empty line; undefined when more must come, or `fault` says why not */
  read(chunk: Buffer, at: number): string | undefined {
    if (this.#bytes > 0) return this.#gather(chunk, at);
    const end = chunk.indexOf(END, at) + END.length;
    if (end < END.length || end - at > this.#maxBytes) return this.#gather(chunk, at);
    this.next = end;
    return chunk.toString('latin1', at, end);
  }

  #gather(chunk: Buffer, at: number): string | undefined {
    const before = this.#bytes;
    const bytes = Math.min(before + chunk.length - at, this.#maxBytes);
    const buffer = this.#reserve(bytes);
    chunk.copy(buffer, before, at, at + bytes - before);
    const from = Math.max(0, before - END.length + 1);
    const end = buffer.subarray(0, bytes).indexOf(END, from) + END.length;
    if (end >= END.length) {
      this.next = at + end - before;
      this.#reset();
      return buffer.toString('latin1', 0, end);
    }
    this.next = at + bytes - before;
    this.#bytes = bytes;
    if (!this.#isSound(buffer, before)) this.fault = 'malformed';
    else if (bytes === this.#maxBytes) this.fault = 'too-large';
    return undefined;
  }

  /** Nothing but text, and no half of a line's end. */
  #isSound(buffer: Buffer, from: number): boolean {
    for (let at = from; at < this.#bytes; at += 1) {
      const byte = buffer[at] ?? 0;
      if ((byte === LF) !== (this.#last === CR)) return false;
      if (byte < SPACE ? byte !== TAB && byte !== CR && byte !== LF : byte === DEL) return false;
      if (byte === LF) this.line ??= buffer.toString('latin1', 0, at + 1);
      this.#last = byte;
    }
    return true;
  }

  #reserve(bytes: number): Buffer {
    const { length = 0 } = this.#buffer ?? {};
    if (this.#buffer !== undefined && length >= bytes) return this.#buffer;
    const buffer = Buffer.allocUnsafe(Math.max(bytes, 2 * length, FIRST_BYTES));
    this.#buffer?.copy(buffer, 0, 0, this.#bytes);
    this.#buffer = buffer;
    return buffer;
  }

  #reset(): void {
    this.#buffer = undefined;
    this.#bytes = 0;
    this.#last = 0;
    this.line = undefined;
  }
}
