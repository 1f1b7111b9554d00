import { ERROR_CODE } from '../../http2/protocol.ts';
import type { StreamEnd, StreamObserver } from '../../http2/stream-observer.ts';
import type { Http2Stream } from '../../http2/stream.ts';
import type { StreamClose } from '../../stream/byte-stream.ts';
import type {
  BodyReceiver,
  ClientExchange,
  ExchangeFailure,
  ResponseReceiver,
} from '../exchange.ts';
import { MAX_INTERIM_RESPONSES } from '../interim-responses.ts';
import type { Field, RequestHead } from '../message.ts';
import { areTrailers } from './read-fields.ts';
import { readResponseHead } from './response-head.ts';
import { addFields } from './write-fields.ts';

/** What an exchange needs of its connection. */
export interface ClientExchangeHost {
  /** What becomes of a request whose connection is gone, unless it has a whole response. */
  lossOf(exchange: Http2ClientExchange): ExchangeFailure;
  /** A request is about to be reset, or was. */
  countReset(): void;
  /** A request that waits to be sent was taken back. */
  forget(exchange: Http2ClientExchange): void;
}

/** How far a connection was when a request was sent on it. */
export interface SentAt {
  /** Requests that had been sent before. */
  readonly requests: number;
  /** How often something had come from the server. */
  readonly reads: number;
}

const ERROR_NAMES = new Map<number, string>(
  Object.entries(ERROR_CODE).map(([name, code]) => [code, name]),
);

/** A request on a stream of ours. Bytes go between the stream and the receiver with nothing between. */
export class Http2ClientExchange implements ClientExchange, StreamObserver {
  readonly request: RequestHead;
  readonly sentAt: SentAt;
  failure: ExchangeFailure | undefined;
  /** The head of the response has come. */
  hasHead = false;
  readonly #host: ClientExchangeHost;
  readonly #receiver: ResponseReceiver;
  /** Undefined while the server has not said yet whether it takes what is asked. */
  #stream: Http2Stream | undefined;
  #interimResponses = 0;
  #isOver = false;

  constructor(
    host: ClientExchangeHost,
    request: RequestHead,
    receiver: ResponseReceiver,
    sentAt: SentAt,
  ) {
    this.#host = host;
    this.request = request;
    this.#receiver = receiver;
    this.sentAt = sentAt;
  }

  get isClosed(): boolean {
    return this.#isOver || this.#stream?.isClosed === true;
  }

  /** Has it go over a stream, which was opened with the request. */
  begin(stream: Http2Stream): void {
    this.#stream = stream;
    stream.attach(this.#receiver);
    stream.observe(this);
    stream.start();
  }

  /** Ends it without a stream. */
  fail(failure: ExchangeFailure, how: StreamClose): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.failure = failure;
    this.#receiver.closed(how);
  }

  /** The receiver of the request is the only one. */
  attach(_receiver: BodyReceiver): void {}

  start(): void {}

  detach(): void {
    this.#stream?.detach();
  }

  consumed(bytes: number): void {
    this.#stream?.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.#stream?.holdSpare(bytes);
  }

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    return this.#stream?.write(chunk, more, isOwned) === true;
  }

  end(trailers?: readonly Field[]): void {
    if (trailers === undefined || trailers.length === 0) return this.#stream?.end();
    const fields: Field[] = [];
    addFields(fields, trailers);
    this.#stream?.end(fields);
  }

  close(): void {
    this.#stream?.close();
  }

  reset(): void {
    this.#isOver = true;
    if (this.#stream === undefined) return this.#host.forget(this);
    if (!this.#stream.isClosed) this.#host.countReset();
    this.#stream.reset(ERROR_CODE.CANCEL);
  }

  // What the stream tells.

  headers(fields: readonly Field[], endStream: boolean): boolean {
    const { method, upgrade } = this.request;
    const head = readResponseHead(fields, upgrade);
    const stream = this.#stream;
    if (stream === undefined) return false;
    if ('malformed' in head) return this.#break(head.malformed);
    const { status, contentLength } = head;
    if (status < 200 && status !== 101) {
      if (endStream) return this.#break('expected a response after an interim one, got none');
      this.#interimResponses += 1;
      if (this.#interimResponses > MAX_INTERIM_RESPONSES) {
        return this.#break(`expected at most ${MAX_INTERIM_RESPONSES} interim responses, got more`);
      }
      this.#receiver.informed(head);
      return false;
    }
    const hasNoBody = method === 'HEAD' || status === 204 || status === 304;
    if (hasNoBody) stream.expectContent(0);
    else if (contentLength !== undefined) stream.expectContent(contentLength);
    if (endStream && !hasNoBody && (contentLength ?? 0) > 0) {
      return this.#break('expected as much as content-length says, got nothing');
    }
    this.hasHead = true;
    // What has become another protocol may end, and is not whole.
    const isWhole = endStream && status !== 101;
    if (isWhole) stream.headIsAll();
    this.#receiver.responded(head, isWhole);
    // What asked for another protocol has no body of its own.
    if (upgrade !== undefined && status !== 101) stream.end();
    return true;
  }

  trailers(fields: readonly Field[]): boolean {
    return this.request.upgrade === undefined && areTrailers(fields);
  }

  ended(end: StreamEnd): void {
    this.#isOver = true;
    this.failure = this.#failureOf(end);
    if (end.kind === 'broken' || end.kind === 'shed') this.#host.countReset();
    // What was handed over, and not consumed, is on the account of who has it.
    this.#stream?.reset();
  }

  #break(sentence: string): false {
    this.#stream?.break(ERROR_CODE.PROTOCOL_ERROR, sentence);
    return false;
  }

  #failureOf(end: StreamEnd): ExchangeFailure | undefined {
    switch (end.kind) {
      case 'ended':
      case 'unread':
        return undefined;
      case 'reset': {
        const isRefused = end.code === ERROR_CODE.REFUSED_STREAM && !this.hasHead;
        const name = ERROR_NAMES.get(end.code) ?? String(end.code);
        const sentence = `expected a whole response, got RST_STREAM ${name}`;
        return { kind: isRefused ? 'refused' : 'reset', sentence, resetCode: end.code };
      }
      case 'broken':
        return {
          kind: 'malformed',
          sentence: end.sentence ?? 'expected a response as HTTP/2 has it, got another',
        };
      case 'shed':
        return {
          kind: 'lost',
          sentence: 'expected memory for the response, and it was needed elsewhere',
        };
      case 'lost':
        return this.#host.lossOf(this);
    }
  }
}
