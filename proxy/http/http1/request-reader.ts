import type { ProtocolRefusal } from '../exchange.ts';
import type { RequestHead } from '../message.ts';
import { type HeadFault, HeadInput } from './head-input.ts';
import { type Http1Request, malformed, readRequestHead, readRequestLine } from './request-head.ts';

const CR = 0x0d;
const LF = 0x0a;

/**
 * Reads the heads of the requests of a connection, one after the other. One that comes in parts is refused as early as a
 * part shows that it is none.
 */
export class RequestReader {
  /** Where the chunk goes on after what `read` took. */
  next = 0;
  readonly #scheme: RequestHead['scheme'];
  readonly #maxBytes: number;
  readonly #head: HeadInput;
  /** The empty line that may come before a request (RFC 9112 section 2.2): its CR has come, or all of it. */
  #emptyLine: 'none' | 'cr' | 'whole' = 'none';
  /** The first line of the head under way was read. */
  #isLineSound = false;

  constructor(scheme: RequestHead['scheme'], maxBytes: number) {
    this.#scheme = scheme;
    this.#maxBytes = maxBytes;
    this.#head = new HeadInput(maxBytes);
  }

  /** True when no part of a head has come. */
  get isEmpty(): boolean {
    return this.#head.isEmpty;
  }

  /** @returns undefined when more must come */
  read(chunk: Buffer, from: number): Http1Request | ProtocolRefusal | undefined {
    const head = this.#head;
    const at = head.isEmpty ? this.#skipEmptyLine(chunk, from) : from;
    this.next = at;
    if (at === chunk.length) return undefined;
    if (this.#emptyLine === 'cr') {
      return malformed('expected a request line, got a carriage return');
    }
    const text = head.read(chunk, at);
    this.next = head.next;
    if (text === undefined) return this.#judgePart(head);
    this.#emptyLine = 'none';
    this.#isLineSound = false;
    return readRequestHead(text, this.#scheme);
  }

  #skipEmptyLine(chunk: Buffer, from: number): number {
    let at = from;
    if (this.#emptyLine === 'none' && chunk[at] === CR) {
      this.#emptyLine = 'cr';
      at += 1;
    }
    if (this.#emptyLine === 'cr' && chunk[at] === LF) {
      this.#emptyLine = 'whole';
      at += 1;
    }
    return at;
  }

  #judgePart({ line, fault }: HeadInput): ProtocolRefusal | undefined {
    if (line !== undefined && !this.#isLineSound) {
      const read = readRequestLine(line);
      if ('reason' in read) return read;
      this.#isLineSound = true;
    }
    return fault && this.#refusalOf(fault, line !== undefined);
  }

  #refusalOf(fault: HeadFault, hasLine: boolean): ProtocolRefusal {
    if (fault === 'malformed') {
      return malformed('expected lines of text that end with CR LF, got something else');
    }
    const what = hasLine ? 'fields' : 'a request line';
    return {
      reason: 'headers-too-large',
      status: hasLine ? 431 : 414,
      sentence: `expected ${what} of at most ${this.#maxBytes} bytes, got more`,
    };
  }
}
