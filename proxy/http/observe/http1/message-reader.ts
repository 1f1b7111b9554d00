import { checkHeadBytes, KeptBytes, type KeptMemory } from '../kept-bytes.ts';
import { ParseError } from '../parse-error.ts';
import { ChunkedBody } from './chunked-body.ts';
import { Head } from './head.ts';

/**
 * What follows a head (RFC 9112 section 6.3):
 * - `none`: the next message; `length` and `chunked`: a body that is counted;
 * - `until-close`: all that comes is body;
 * - `interim`: another head of the same message (1xx);
 * - `opaque`: nothing of HTTP any more.
 */
export type Framing = 'none' | 'length' | 'chunked' | 'until-close' | 'interim' | 'opaque';

/** Hears of the messages of one direction. */
export interface MessageHandler {
  /** The first byte of a head has come. */
  began(): void;
  /** The head is whole; it is valid during the call only. */
  head(head: Head): Framing;
  /** So many bytes of the body have passed. */
  body(bytes: number): void;
  /** The message is whole. */
  ended(): void;
}

const LF = 0x0a;
const CR = 0x0d;

/** Each is read in one go, and looked at in the same: one object stays near where thousands would not. */
const REQUEST_HEAD = new Head(true);
const RESPONSE_HEAD = new Head(false);

/** Follows the messages of one direction of an HTTP/1 connection, however they are cut. */
export class MessageReader {
  readonly #handler: MessageHandler;
  readonly #head: Head;
  readonly #memory: KeptMemory;
  /** The first bytes of a head that is not whole. Most come in one piece. */
  #kept: KeptBytes | undefined;
  /** The body that is being read, if it is one. */
  #chunked: ChunkedBody | undefined;
  #reading: 'head' | Exclude<Framing, 'none' | 'interim'> = 'head';
  #leftBytes = 0;
  /** Where in its lines a head that is kept was searched for its end so far. */
  #line: 'begun' | 'empty' | 'empty-cr' = 'begun';
  #isHeadWhole = false;

  constructor(isRequest: boolean, memory: KeptMemory, handler: MessageHandler) {
    this.#handler = handler;
    this.#head = isRequest ? REQUEST_HEAD : RESPONSE_HEAD;
    this.#memory = memory;
  }

  /** True while a body goes on until the connection ends. */
  get isUntilClose(): boolean {
    return this.#reading === 'until-close';
  }

  release(): void {
    this.#kept?.clear();
    this.#kept = undefined;
  }

  /**
   * @param keepsTarget of requests: where they go is of interest
   * @throws ParseError, and what the handler throws
   */
  read(chunk: Buffer, keepsTarget = false): void {
    this.#head.keepsTarget = keepsTarget;
    let at = 0;
    while (at < chunk.length) {
      switch (this.#reading) {
        case 'head':
          at =
            this.#kept === undefined
              ? this.#readHead(chunk, at)
              : this.#readOn(this.#kept, chunk, at);
          break;
        case 'length':
          at = this.#readLength(chunk, at);
          break;
        case 'chunked':
          at = this.#readChunked(chunk, at);
          break;
        case 'until-close':
          this.#handler.body(chunk.length - at);
          return;
        case 'opaque':
          return;
      }
    }
  }

  #readHead(chunk: Buffer, start: number): number {
    // Empty lines before a message are nothing (RFC 9112 section 2.2).
    let from = start;
    while (from < chunk.length && (chunk[from] === CR || chunk[from] === LF)) from += 1;
    if (from === chunk.length) return from;
    this.#handler.began();
    const end = this.#head.read(chunk, from);
    if (end === 0) {
      this.#line = 'begun';
      this.#kept = new KeptBytes(this.#memory);
      return this.#keep(this.#kept, chunk, from);
    }
    checkHeadBytes(end - from);
    this.#endHead();
    return end;
  }

  /** The rest of a head whose first bytes are kept. */
  #readOn(kept: KeptBytes, chunk: Buffer, from: number): number {
    const next = this.#keep(kept, chunk, from);
    if (!this.#isHeadWhole) return next;
    this.#head.read(kept.bytes, 0);
    this.release();
    this.#endHead();
    return next;
  }

  /** Keeps the bytes up to the end of the head, each of which is looked at once. */
  #keep(kept: KeptBytes, chunk: Buffer, from: number): number {
    let at = from;
    let line = this.#line;
    this.#isHeadWhole = false;
    while (at < chunk.length && !this.#isHeadWhole) {
      const byte = chunk[at];
      at += 1;
      if (byte === LF) {
        this.#isHeadWhole = line !== 'begun';
        line = 'empty';
      } else line = byte === CR && line === 'empty' ? 'empty-cr' : 'begun';
    }
    this.#line = line;
    kept.append(chunk, from, at);
    return at;
  }

  #endHead(): void {
    const head = this.#head;
    if (head.isMalformed)
      throw new ParseError('malformed', 'expected a head of HTTP/1, got another');
    const framing = this.#handler.head(head);
    switch (framing) {
      case 'interim':
        return;
      case 'none':
        return this.#handler.ended();
      case 'length':
        this.#leftBytes = head.contentLength;
        if (this.#leftBytes === 0) return this.#handler.ended();
        break;
      case 'chunked':
        this.#chunked = new ChunkedBody();
        break;
      case 'until-close':
      case 'opaque':
        break;
    }
    this.#reading = framing;
  }

  #readLength(chunk: Buffer, from: number): number {
    const passed = Math.min(this.#leftBytes, chunk.length - from);
    this.#leftBytes -= passed;
    this.#handler.body(passed);
    if (this.#leftBytes === 0) this.#endMessage();
    return from + passed;
  }

  #readChunked(chunk: Buffer, from: number): number {
    const body = this.#chunked;
    if (body === undefined) return chunk.length;
    const next = body.read(chunk, from);
    this.#handler.body(body.dataBytes);
    if (body.isWhole) this.#endMessage();
    return next;
  }

  #endMessage(): void {
    this.#reading = 'head';
    this.#chunked = undefined;
    this.#handler.ended();
  }
}
