import type { StreamClose } from '../../stream/byte-stream.ts';
import type {
  BodyReceiver,
  ClientExchange,
  ExchangeFailure,
  ResponseReceiver,
} from '../exchange.ts';
import type { Field, RequestHead } from '../message.ts';
import type { BodyReader, BodySink } from './body-reader.ts';
import { createBodyReader } from './create-body-reader.ts';
import type { MessageWriter } from './message-writer.ts';
import type { Http1Response } from './response-head.ts';
import type { WebSocketProof } from './websocket-handshake.ts';

/** What an exchange needs of its connection. */
export interface ClientExchangeHost {
  readonly writer: MessageWriter;
  readonly maxTrailerBytes: number;
  consumed(bytes: number): void;
  holdSpare(bytes: number): void;
  /** Something of it has ended: the exchange may be complete. */
  progressed(): void;
  /** Ends our direction of a connection that has become something else. */
  endStream(): void;
  /** Breaks the connection off; the exchange hears no more. */
  reset(): void;
}

/** A request to a server and its response. */
export class Http1ClientExchange implements ClientExchange, BodySink {
  failure: ExchangeFailure | undefined;
  readonly request: RequestHead;
  /** What the answer has to prove. */
  readonly proof: WebSocketProof | undefined;
  /** What the receiver returned for the last piece. */
  hasRoom = true;
  readonly #host: ClientExchangeHost;
  #receiver: BodyReceiver | undefined;
  #response: Http1Response | undefined;
  #body: BodyReader | undefined;
  #isUpgraded = false;
  #readsNoMore = false;
  /** Written while the answer to an upgrade is awaited. */
  #early: Buffer[] = [];
  #hasEndedEarly = false;
  #hasToldEnd = false;
  #hasToldClosed = false;
  #closedAs: StreamClose | undefined;

  constructor(
    request: RequestHead,
    receiver: ResponseReceiver,
    host: ClientExchangeHost,
    proof?: WebSocketProof,
  ) {
    this.request = request;
    this.proof = proof;
    this.#receiver = receiver;
    this.#host = host;
  }

  get isClosed(): boolean {
    return this.#closedAs !== undefined;
  }

  attach(receiver: BodyReceiver): void {
    this.#receiver = receiver;
  }

  start(): void {
    if (this.#closedAs !== undefined) this.#tellClosed(this.#closedAs);
  }

  detach(): void {
    this.#receiver = undefined;
  }

  consumed(bytes: number): void {
    this.#host.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.#host.holdSpare(bytes);
  }

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    const { writer } = this.#host;
    if (this.isClosed) return false;
    if (this.#isAwaitingSwitch) return this.#keep(chunk, isOwned);
    if (writer.isEnded) return false;
    const hasRoom = writer.write(chunk, more, isOwned);
    // More than Content-Length has promised: the server would take it for another request.
    if (hasRoom === undefined) this.#host.reset();
    return hasRoom ?? false;
  }

  end(trailers?: readonly Field[]): void {
    if (this.isClosed) return;
    if (this.#isAwaitingSwitch) {
      this.#hasEndedEarly = true;
      return;
    }
    const hasEnded = this.#host.writer.end(trailers);
    if (!hasEnded) return this.#host.reset();
    if (this.#isUpgraded) this.#host.endStream();
    this.#host.progressed();
  }

  close(): void {
    if (this.isClosed) return;
    this.#readsNoMore = true;
    this.end();
  }

  reset(): void {
    if (!this.isClosed) this.#host.reset();
  }

  // What the connection does.

  get isUpgraded(): boolean {
    return this.#isUpgraded;
  }

  /** The final response's head has come. */
  get hasResponse(): boolean {
    return this.#response !== undefined;
  }

  get isResponseWhole(): boolean {
    return !this.#isUpgraded && this.#response !== undefined && (this.#body?.isWhole ?? true);
  }

  /** What still comes is of no use. */
  get readsNoMore(): boolean {
    return this.#readsNoMore;
  }

  /** The response is ended by the end of the connection. */
  get isUntilClose(): boolean {
    return this.#response?.framing === 'until-close';
  }

  /** The server takes another request after this one. */
  get isPersistent(): boolean {
    return this.#response?.isPersistent === true;
  }

  get bodyFault(): BodyReader['fault'] {
    return this.#body?.fault;
  }

  informed(response: Http1Response): void {
    this.#heads?.informed(response.head);
  }

  responded(response: Http1Response): void {
    const { head, framing } = response;
    this.#response = response;
    this.#isUpgraded = head.status === 101;
    if (framing !== 0 && !this.#isUpgraded) {
      const { maxTrailerBytes } = this.#host;
      this.#body = createBodyReader(framing, { maxTrailerBytes, isRequest: false });
    }
    const isWhole = this.isResponseWhole;
    this.#hasToldEnd = isWhole;
    this.#heads?.responded(head, isWhole);
    if (this.request.upgrade !== undefined) this.#goOnWithEarly();
  }

  /** Hands over what of the chunk is of this exchange, and says where the chunk goes on. */
  read(chunk: Buffer, at: number, more: boolean, isOwned: boolean): number {
    // What frames a body needs no room: to stop for it would be for ever, since no byte of it is consumed later.
    this.hasRoom = true;
    const body = this.#body;
    if (body === undefined) {
      this.take(at === 0 ? chunk : chunk.subarray(at), more, isOwned);
      return chunk.length;
    }
    const next = body.read(chunk, at, more, isOwned, this);
    this.#host.consumed(body.takeFramingBytes());
    if (body.isWhole) this.tellEnd();
    return next;
  }

  /** The response is whole, or the server has ended its direction of what the connection has become. */
  tellEnd(): void {
    if (this.#hasToldEnd || this.isClosed) return;
    this.#hasToldEnd = true;
    this.#receiver?.end(this.#body?.trailers);
  }

  /** A piece of the body, or bytes of what the connection has become. */
  take(chunk: Buffer, more: boolean, isOwned: boolean): void {
    if (this.isClosed || this.#readsNoMore || this.#receiver === undefined) {
      return this.#host.consumed(chunk.length);
    }
    this.hasRoom = this.#receiver.data(chunk, more, isOwned);
  }

  written(bytes: number): void {
    this.#receiver?.written(bytes);
  }

  spare(bytes: number): void {
    this.#receiver?.spare(bytes);
  }

  closed(how: StreamClose, failure?: ExchangeFailure): void {
    if (this.isClosed) return;
    this.#closedAs = how;
    this.failure = failure;
    this.#tellClosed(how);
  }

  /** By our own reset: the receiver hears nothing. */
  closedSilently(): void {
    this.#closedAs ??= 'reset';
    this.#receiver = undefined;
  }

  #tellClosed(how: StreamClose): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#hasToldClosed) return;
    this.#hasToldClosed = true;
    receiver.closed(how);
  }

  /** What the connection becomes is not known: nothing can be written yet. */
  get #isAwaitingSwitch(): boolean {
    return this.request.upgrade !== undefined && this.#response === undefined;
  }

  #keep(chunk: Buffer, isOwned: boolean): boolean {
    this.#early.push(isOwned ? chunk : Buffer.from(chunk));
    return false;
  }

  /** What was written before the answer goes on after a 101, and nowhere otherwise. */
  #goOnWithEarly(): void {
    const early = this.#early;
    this.#early = [];
    if (this.#isUpgraded) this.#host.writer.begin('', 'until-close');
    for (const chunk of early) {
      if (this.#isUpgraded) this.write(chunk, false, true);
      else this.#receiver?.written(chunk.length);
    }
    if (this.#hasEndedEarly) this.end();
  }

  /** Until another receiver is attached, it takes heads too. */
  get #heads(): ResponseReceiver | undefined {
    const receiver = this.#receiver;
    return receiver !== undefined && 'responded' in receiver
      ? (receiver as ResponseReceiver)
      : undefined;
  }
}
