import { ParseError } from './parse-error.ts';

/** A longer head or header block is not waited for: servers refuse it, most of them from 8 to 64 KiB on. */
const MAX_KEPT_BYTES = 64 * 1024;

/** What unfinished heads of all connections of the process may take: those of 4,000 clients that send slowly. */
const MAX_TOTAL_BYTES = 16 * 1024 * 1024;

/** Most heads that come in two pieces fit. */
const FIRST_BYTES = 1024;

/** The memory that unfinished heads share. */
export class KeptMemory {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes = MAX_TOTAL_BYTES) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @throws ParseError `memory` */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.#limitBytes) {
      const sentence = `expected unfinished heads of ${this.#limitBytes} bytes at most, got more`;
      throw new ParseError('memory', sentence);
    }
    this.#usedBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** The bytes of a head that is not whole yet: copies, since a chunk is valid during the call only. */
export class KeptBytes {
  readonly #memory: KeptMemory;
  #bytes: Buffer | undefined;
  #length = 0;

  constructor(memory: KeptMemory) {
    this.#memory = memory;
  }

  get length(): number {
    return this.#length;
  }

  /** All of them; valid until the next `append` or `clear`. */
  get bytes(): Buffer {
    return this.#bytes?.subarray(0, this.#length) ?? Buffer.alloc(0);
  }

  /** Keeps a part of a chunk too. @throws ParseError `too-large`, `memory` */
  append(chunk: Buffer, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (needed > MAX_KEPT_BYTES) throw tooLarge(needed);
    const before = this.#bytes;
    if (before === undefined || before.length < needed) {
      const doubled = (before?.length ?? FIRST_BYTES / 2) * 2;
      const capacity = Math.min(Math.max(needed, doubled), MAX_KEPT_BYTES);
      this.#memory.take(capacity - (before?.length ?? 0));
      this.#bytes = Buffer.allocUnsafeSlow(capacity);
      before?.copy(this.#bytes, 0, 0, this.#length);
    }
    this.#length += chunk.copy(this.#bytes ?? before ?? chunk, this.#length, from, to);
  }

  clear(): void {
    this.#memory.giveBack(this.#bytes?.length ?? 0);
    this.#bytes = undefined;
    this.#length = 0;
  }
}

/** The same bound for a head that is whole in one chunk: what is followed depends on no cut. @throws ParseError */
export function checkHeadBytes(bytes: number): void {
  if (bytes > MAX_KEPT_BYTES) throw tooLarge(bytes);
}

function tooLarge(bytes: number): ParseError {
  return new ParseError('too-large', `expected a head of ${MAX_KEPT_BYTES} bytes, got ${bytes}`);
}
