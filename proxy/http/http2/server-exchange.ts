import { ERROR_CODE } from '../../http2/protocol.ts';
import type { StreamEnd, StreamObserver } from '../../http2/stream-observer.ts';
import type { Http2Stream } from '../../http2/stream.ts';
import type { BodyReceiver, ServerExchange } from '../exchange.ts';
import type { Field, RequestHead, ResponseHead } from '../message.ts';
import { areTrailers } from './read-fields.ts';
import { responseFields } from './response-head.ts';
import { addFields } from './write-fields.ts';

/** A request that came on a stream. Bytes go between the stream and the receiver with nothing between. */
export class Http2ServerExchange implements ServerExchange, StreamObserver {
  readonly request: RequestHead;
  readonly isWhole: boolean;
  readonly awaitsAnswer = true;
  readonly #stream: Http2Stream;
  readonly #onCancelled: () => void;
  #isStarted = false;
  #hasResponded = false;
  #hasContinued = false;
  #hasEnded = false;

  /** @param onCancelled is called when the client gives it up, or breaks it, before the response was whole */
  constructor(stream: Http2Stream, request: RequestHead, onCancelled: () => void) {
    this.#stream = stream;
    this.request = request;
    this.#onCancelled = onCancelled;
    this.isWhole = stream.remoteEnded && request.upgrade === undefined;
    if (this.isWhole) stream.headIsAll();
    else if (request.contentLength !== undefined) stream.expectContent(request.contentLength);
    stream.observe(this);
  }

  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  attach(receiver: BodyReceiver): void {
    this.#stream.attach(receiver);
    this.#stream.observe(this);
  }

  start(): void {
    this.#isStarted = true;
    this.#stream.start();
  }

  detach(): void {
    this.#stream.detach();
  }

  consumed(bytes: number): void {
    this.#stream.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.#stream.holdSpare(bytes);
  }

  inform(head: ResponseHead): void {
    if (this.#hasResponded) return;
    // A client that does not read must not make them pile up.
    if (this.#stream.isFull && (head.status !== 100 || this.#hasContinued)) return;
    if (head.status === 100) this.#hasContinued = true;
    this.#stream.sendHead(responseFields(head), false);
  }

  respond(head: ResponseHead, isWhole: boolean): void {
    if (this.#hasResponded) return;
    this.#hasResponded = true;
    this.#hasEnded = isWhole;
    // What asked for another protocol has no body of its own.
    if (this.request.upgrade !== undefined && head.status !== 101) this.#stream.ignoreRest();
    this.#stream.sendHead(responseFields(head), isWhole);
    if (isWhole) this.#stopReading();
  }

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    return this.#stream.write(chunk, more, isOwned);
  }

  end(trailers?: readonly Field[]): void {
    this.#hasEnded = true;
    if (trailers === undefined || trailers.length === 0) this.#stream.end();
    else this.#stream.end(lowerCase(trailers));
    this.#stopReading();
  }

  close(): void {
    this.#hasEnded = true;
    this.#stream.close();
  }

  reset(code: number = ERROR_CODE.INTERNAL_ERROR): void {
    // A client that has its whole response is only told to send no more.
    this.#stream.reset(this.#hasEnded ? ERROR_CODE.NO_ERROR : code);
  }

  /** The response is whole, and no receiver was started for the rest of the request (RFC 9113 section 8.1). */
  #stopReading(): void {
    if (!this.#isStarted) this.#stream.close();
  }

  // What the stream tells.

  headers(): boolean {
    return false;
  }

  trailers(fields: readonly Field[]): boolean {
    return this.request.upgrade === undefined && areTrailers(fields);
  }

  ended({ kind }: StreamEnd): void {
    // What was handed over, and not consumed, is on the account of who has it.
    this.#stream.reset();
    if (!this.#hasEnded && (kind === 'reset' || kind === 'broken')) this.#onCancelled();
  }
}

function lowerCase(trailers: readonly Field[]): Field[] {
  const fields: Field[] = [];
  addFields(fields, trailers);
  return fields;
}
