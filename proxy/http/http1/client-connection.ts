import type { ByteStream, StreamClose, StreamReceiver } from '../../stream/byte-stream.ts';
import type {
  ClientConnection,
  ClientConnectionObserver,
  ClientExchange,
  ExchangeFailure,
  ResponseReceiver,
} from '../exchange.ts';
import type { RequestHead } from '../message.ts';
import { Http1ClientExchange } from './client-exchange.ts';
import type { ExchangeHost } from './exchange.ts';
import { MAX_INTERIM_RESPONSES } from '../interim-responses.ts';
import { HeadInput } from './head-input.ts';
import { MessageWriter } from './message-writer.ts';
import {
  type Http1Response,
  isStatusLine,
  readResponseHead,
  STATUS_LINE_SENTENCE,
} from './response-head.ts';
import { proofFor, withKey, withoutProof } from './websocket-handshake.ts';
import { writeRequestHead } from './write-head.ts';

/** What a server may send. */
export interface Http1ClientOptions {
  /** Bytes of a response's head, and of its trailers. */
  readonly headerBytes: number;
}

/**
 * Speaks HTTP/1.1 to a server on an open stream, which this takes over. The observer may be called before this
 * returns.
 */
export function connectHttp1(
  stream: ByteStream,
  options: Http1ClientOptions,
  observer: ClientConnectionObserver,
): ClientConnection {
  return new Http1ClientConnection(stream, options, observer);
}

/**
 * Carries one request at a time (RFC 9112 section 9.3): no second one before the response to the first is whole, and taken
 * by its reader.
 *
 *     idle -> exchange -> idle -> ... -> closed
 *
 * Bytes that arrive without a request, such as the 408 of a server that waited long enough, end the connection: they
 * would be taken for the response to the next request.
 */
class Http1ClientConnection implements ClientConnection, StreamReceiver, ExchangeHost {
  readonly writer: MessageWriter;
  isClosed = false;
  readonly #stream: ByteStream;
  readonly #options: Http1ClientOptions;
  readonly #observer: ClientConnectionObserver;
  readonly #head: HeadInput;
  #exchange: Http1ClientExchange | undefined;
  /** It has carried a request. */
  #isKept = false;
  /** Nothing of the response to the request has come. */
  #isUnanswered = true;
  #interimResponses = 0;
  #isDraining = false;
  #hasPeerEnded = false;
  /** Bytes came that belong to no response. */
  #hasUnsolicited = false;
  #isReading = false;
  /** Read, and not consumed yet. */
  #unreadBytes = 0;

  constructor(stream: ByteStream, options: Http1ClientOptions, observer: ClientConnectionObserver) {
    this.#stream = stream;
    this.#options = options;
    this.#observer = observer;
    this.writer = new MessageWriter(stream, this.#onWritten);
    this.#head = new HeadInput(options.headerBytes);
    stream.attach(this);
    stream.start();
  }

  // What the owner of the connection does.

  get capacity(): number {
    return this.isIdle && !this.#isDraining && !this.isClosed ? 1 : 0;
  }

  get limit(): number {
    return 1;
  }

  get isIdle(): boolean {
    return this.#exchange === undefined;
  }

  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined {
    if (this.capacity === 0) return undefined;
    const proof = proofFor(head);
    const sent = proof === undefined ? head : withKey(head, proof);
    const exchange = new Http1ClientExchange(sent, receiver, this, proof);
    this.#exchange = exchange;
    this.#isUnanswered = true;
    this.#interimResponses = 0;
    const { upgrade, contentLength } = head;
    if (isWhole || upgrade !== undefined) {
      // Without a body nothing frames one, but for a length that came (RFC 9110 section 8.6).
      this.writer.whole(writeRequestHead(sent, contentLength === 0 ? 0 : undefined));
    } else {
      const framing = contentLength ?? 'chunked';
      this.writer.begin(writeRequestHead(sent, framing), framing);
    }
    return exchange;
  }

  drain(): void {
    this.#isDraining = true;
    if (!this.isClosed && this.isIdle) this.#end();
  }

  destroy(): void {
    if (this.isClosed) return;
    // A server that has nothing under way should not have to log a reset.
    if (this.isIdle) return this.#end();
    this.#break('lost', { kind: 'lost', sentence: 'the connection was destroyed by its owner' });
  }

  // What the stream tells.

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    if (this.isClosed) return false;
    this.#unreadBytes += chunk.length;
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.isResponseWhole) {
      this.#unsolicited();
      return false;
    }
    this.#isUnanswered = false;
    this.#isReading = true;
    let at = 0;
    while (at < chunk.length && !exchange.isClosed && !exchange.isResponseWhole) {
      if (exchange.hasResponse) {
        at = exchange.read(chunk, at, more, isOwned);
        const fault = exchange.bodyFault;
        if (fault !== undefined) this.#refuse(fault.sentence);
      } else {
        const before = at;
        at = this.#readHead(exchange, chunk, at);
        this.consumed(at - before);
      }
    }
    this.#isReading = false;
    if (at < chunk.length) this.#unsolicited();
    this.progressed();
    return exchange.hasRoom;
  }

  end(): void {
    this.#hasPeerEnded = true;
    const exchange = this.#exchange;
    if (this.isClosed) return;
    if (exchange === undefined) return this.#end();
    if (exchange.isUpgraded) return exchange.tellEnd();
    if (exchange.isUntilClose) exchange.tellEnd();
    else if (!exchange.isResponseWhole) return this.#break('lost', this.#lost());
    this.progressed();
  }

  written(bytes: number): void {
    this.writer.written(bytes);
  }

  readonly #onWritten = (bodyBytes: number): void => {
    if (bodyBytes > 0) this.#exchange?.written(bodyBytes);
    this.progressed();
  };

  spare(bytes: number): void {
    this.#exchange?.spare(bytes);
  }

  closed(how: StreamClose): void {
    const exchange = this.#exchange;
    if (exchange?.isUpgraded === true && (how === 'ended' || how === 'unread')) {
      return this.#close(how);
    }
    if (exchange?.isResponseWhole === true) return this.#close('unread');
    this.#close(how === 'shed' ? how : 'lost', this.#lost());
  }

  // What the exchange wants.

  get maxTrailerBytes(): number {
    return this.#options.headerBytes;
  }

  /** Also after the end, for what was handed over before: a stream of a tunnel holds it until then. */
  consumed(bytes: number): void {
    if (bytes === 0) return;
    this.#unreadBytes -= bytes;
    this.#stream.consumed(bytes);
    if (this.#unreadBytes === 0) this.progressed();
  }

  holdSpare(bytes: number): void {
    if (!this.isClosed) this.#stream.holdSpare(bytes);
  }

  progressed(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || this.#isReading || this.isClosed || exchange.isUpgraded) return;
    const { isEnded, isEmpty } = this.writer;
    if (exchange.readsNoMore && isEnded && isEmpty) return this.#break('ended');
    const isWhole = exchange.isResponseWhole || (exchange.isUntilClose && this.#hasPeerEnded);
    if (!isWhole) return;
    const mayGoOn = exchange.isPersistent && !this.#hasPeerEnded && !this.#hasUnsolicited;
    // A slow reader holds what was read: the next response would wait for that reader.
    if (mayGoOn && this.#unreadBytes > 0) return;
    if (isEnded && (isEmpty || !mayGoOn)) return this.#finish(exchange, mayGoOn);
    // The server has sent everything, and will not read the rest of the request.
    if (!mayGoOn) this.#break('unread');
  }

  endStream(): void {
    this.#stream.end();
  }

  reset(): void {
    this.#exchange?.closedSilently();
    this.#break('reset');
  }

  // Reading.

  #readHead(exchange: Http1ClientExchange, chunk: Buffer, at: number): number {
    const head = this.#head;
    const text = head.read(chunk, at);
    if (text !== undefined) {
      const response = readResponseHead(text, exchange.request.method);
      if (typeof response === 'string') this.#refuse(response);
      else this.#take(exchange, response);
    } else if (head.fault === 'too-large') {
      const { headerBytes } = this.#options;
      this.#refuse(`expected the head of a response within ${headerBytes} bytes, got more`);
    } else if (head.fault === 'malformed') {
      this.#refuse('expected a response in lines of text that end with CR LF, got something else');
    } else if (head.line !== undefined && !isStatusLine(head.line)) {
      this.#refuse(STATUS_LINE_SENTENCE);
    }
    return head.next;
  }

  #take(exchange: Http1ClientExchange, response: Http1Response): void {
    const { status, upgrade } = response.head;
    if (status === 101) {
      const wanted = exchange.request.upgrade?.toLowerCase();
      if (wanted === undefined) return this.#refuse('expected no 101 without Upgrade, got one');
      if (upgrade !== wanted) {
        return this.#refuse(`expected a switch to ${wanted}, got one to ${upgrade ?? 'nothing'}`);
      }
      return this.#switchProtocols(exchange, response);
    }
    if (status >= 200) return exchange.responded(response);
    this.#interimResponses += 1;
    if (this.#interimResponses > MAX_INTERIM_RESPONSES) {
      return this.#refuse(`expected at most ${MAX_INTERIM_RESPONSES} interim responses, got more`);
    }
    exchange.informed(response);
  }

  #switchProtocols(exchange: Http1ClientExchange, response: Http1Response): void {
    const { proof } = exchange;
    const head = proof === undefined ? response.head : withoutProof(response.head, proof);
    if (head === undefined) {
      return this.#refuse('expected a Sec-WebSocket-Accept that belongs to the key, got another');
    }
    exchange.responded({ ...response, head });
  }

  /** Bytes came that belong to no response: they must not be taken for the next one. */
  #unsolicited(): void {
    this.#hasUnsolicited = true;
    if (this.isIdle) this.#break('reset');
    else this.progressed();
  }

  // The end.

  #lost(): ExchangeFailure {
    return this.#isKept && this.#isUnanswered
      ? {
          kind: 'stale',
          sentence: 'expected a response on a kept connection, got its end before a byte',
        }
      : { kind: 'lost', sentence: 'expected a whole response, got the end of the connection' };
  }

  #refuse(sentence: string): void {
    this.#break('reset', { kind: 'malformed', sentence });
  }

  #finish(exchange: Http1ClientExchange, mayGoOn: boolean): void {
    this.#exchange = undefined;
    this.#isKept = true;
    // Before the receiver is told, which may send its next request at once.
    if (!mayGoOn) this.#isDraining = true;
    exchange.closed('ended');
    if (this.isClosed || !this.isIdle) return;
    if (this.#hasUnsolicited) this.#break('reset');
    else if (this.#isDraining) this.#end();
    else this.#observer.available();
  }

  /** Nothing is under way: no exchange has to be told. */
  #end(): void {
    this.#stream.close();
    this.#close('ended');
  }

  #break(how: StreamClose, failure?: ExchangeFailure): void {
    if (this.isClosed) return;
    this.#stream.reset();
    this.#close(how, failure);
  }

  #close(how: StreamClose, failure?: ExchangeFailure): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.writer.discard();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.closed(how, failure);
    this.#observer.closed();
  }
}
