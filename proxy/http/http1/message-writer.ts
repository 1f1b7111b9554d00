import type { ByteStream } from '../../stream/byte-stream.ts';
import type { Field } from '../message.ts';
import { type WrittenFraming, writeTrailers } from './write-head.ts';

/** How the body that follows a head is framed; `until-close` by the end of the connection, or not at all. */
export type BodyFraming = number | 'chunked' | 'until-close';

/** Bytes of bodies that are gathered with what comes before and after; more than that is not copied here. */
const GATHER_BYTES = 16 * 1024;

const CRLF = '\r\n';
const LAST_CHUNK = '0\r\n';

/** What may follow a chunk that was gathered: `\r\n0\r\n\r\n`. */
const END_BYTES = 7;

/**
 * Writes the messages of one connection, one after the other: what comes in one turn of the event loop, a head, a
 * small body and its end, leaves in one write.
 */
export class MessageWriter {
  readonly #stream: ByteStream;
  /** Text, then bytes, then text: what was gathered. */
  #text = '';
  #pieces: Buffer | undefined;
  #pieceBytes = 0;
  #isScheduled = false;
  #framing: BodyFraming = 0;
  #left = 0;
  /** Bytes of bodies that were gathered. */
  #gatheredBody = 0;
  /** Given to the stream, and not out of memory yet; of which are bodies. */
  #unwritten = 0;
  #unwrittenBody = 0;
  #isFull = false;
  #isEnded = true;
  /** A piece is being put together: its receiver must not be called, which might write the next one into it. */
  #isWriting = false;
  /** Bytes went out of memory meanwhile. */
  #hasNews = false;
  readonly #onWritten: (bodyBytes: number) => void;

  /** @param onWritten is told of bytes that are out of memory, and how many of them were of bodies */
  constructor(stream: ByteStream, onWritten: (bodyBytes: number) => void) {
    this.#stream = stream;
    this.#onWritten = onWritten;
  }

  /** True when everything is out of memory. */
  get isEmpty(): boolean {
    return this.#unwritten === 0 && this.#text === '' && this.#pieces === undefined;
  }

  /** True when the message is whole. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** True when the stream has enough. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** A message that is all in its head, or an interim response. */
  whole(head: string): void {
    this.#text += head;
    this.flush();
  }

  /** A head that a body follows, until `end`. */
  begin(head: string, framing: BodyFraming): void {
    this.#text += head;
    this.#framing = framing;
    this.#left = typeof framing === 'number' ? framing : Infinity;
    this.#isEnded = false;
    this.#schedule();
  }

  /**
   * A piece of the body.
   *
   * @returns false when there is enough; undefined when it is more than the head has promised: nothing of it was
   *   written
   */
  write(chunk: Buffer, more: boolean, isOwned: boolean): boolean | undefined {
    const { length } = chunk;
    if (length > this.#left) return undefined;
    if (length === 0) return !this.#isFull;
    this.#left -= length;
    this.#isWriting = true;
    const isChunked = this.#framing === 'chunked';
    if (isChunked) this.#text += `${length.toString(16)}\r\n`;
    // Where more follows in this turn the stream gathers, in memory that it has: larger writes, copied once.
    if (!more && length + this.#pieceBytes <= GATHER_BYTES) this.#gather(chunk);
    else this.#pass(chunk, more, isOwned, isChunked);
    if (isChunked) this.#text += CRLF;
    // Nothing follows: the receiver need not wait for the end of the turn.
    if (this.#left === 0) this.flush();
    else this.#schedule();
    this.#isWriting = false;
    if (this.#hasNews) this.#report();
    return !this.#isFull;
  }

  /** @returns false when the head has promised more */
  end(trailers: readonly Field[] | undefined): boolean {
    if (this.#isEnded) return true;
    if (typeof this.#framing === 'number' && this.#left > 0) return false;
    this.#isEnded = true;
    if (this.#framing === 'chunked') this.#text += LAST_CHUNK + writeTrailers(trailers ?? []);
    this.flush();
    return true;
  }

  /** The stream says that so many bytes are out of memory. */
  written(bytes: number): void {
    this.#isFull = false;
    this.#unwritten -= bytes;
    if (this.#isWriting) this.#hasNews = true;
    else this.#report();
  }

  #report(): void {
    this.#hasNews = false;
    const body = Math.max(0, this.#unwrittenBody - this.#unwritten);
    this.#unwrittenBody -= body;
    this.#onWritten(body);
  }

  /** Forgets what was gathered: the stream is gone. */
  discard(): void {
    this.#text = '';
    this.#pieces = undefined;
    this.#pieceBytes = 0;
    this.#isEnded = true;
  }

  /** Gives what was gathered to the stream. */
  readonly flush = (): void => {
    this.#isScheduled = false;
    const bytes = this.#take();
    if (bytes !== undefined) this.#send(bytes, false, true);
  };

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(this.flush);
  }

  /** Puts the text and the chunk behind what was gathered. */
  #gather(chunk: Buffer): void {
    const used = this.#pieceBytes;
    const text = this.#text;
    const bytes = used + text.length + chunk.length;
    const pieces = this.#reserve(bytes);
    pieces.write(text, used, 'latin1');
    chunk.copy(pieces, used + text.length);
    this.#pieceBytes = bytes;
    this.#text = '';
    this.#gatheredBody += chunk.length;
  }

  #reserve(bytes: number): Buffer {
    const before = this.#pieces;
    if (before !== undefined && before.length >= bytes) return before;
    const pieces = Buffer.allocUnsafe(before === undefined ? bytes + END_BYTES : 2 * bytes);
    before?.copy(pieces, 0, 0, this.#pieceBytes);
    this.#pieces = pieces;
    return pieces;
  }

  /** Sends a large chunk as it is, behind what was gathered. */
  #pass(chunk: Buffer, more: boolean, isOwned: boolean, isChunked: boolean): void {
    const before = this.#take();
    if (before !== undefined) this.#send(before, true, true);
    this.#unwrittenBody += chunk.length;
    this.#send(chunk, more || isChunked, isOwned);
  }

  /** What was gathered, in memory that is the stream's. */
  #take(): Buffer | undefined {
    const text = this.#text;
    const pieces = this.#pieces;
    if (pieces === undefined) {
      if (text === '') return undefined;
      this.#text = '';
      return Buffer.from(text, 'latin1');
    }
    const used = this.#pieceBytes;
    const bytes = used + text.length;
    this.#pieces = undefined;
    this.#pieceBytes = 0;
    this.#text = '';
    this.#unwrittenBody += this.#gatheredBody;
    this.#gatheredBody = 0;
    let all = pieces;
    if (pieces.length < bytes) {
      all = Buffer.allocUnsafe(bytes);
      pieces.copy(all, 0, 0, used);
    }
    all.write(text, used, 'latin1');
    return all.length === bytes ? all : all.subarray(0, bytes);
  }

  #send(bytes: Buffer, more: boolean, isOwned: boolean): void {
    this.#unwritten += bytes.length;
    // It may be told that all is written before this returns.
    this.#isFull = !this.#stream.write(bytes, more, isOwned) && this.#unwritten > 0;
  }
}

/** What the head says of that body. */
export function writtenFraming(framing: BodyFraming): WrittenFraming {
  return framing === 'until-close' ? undefined : framing;
}
