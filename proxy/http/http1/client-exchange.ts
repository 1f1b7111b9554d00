import type { StreamClose } from '../../stream/byte-stream.ts';
import type { ClientExchange, ExchangeFailure, ResponseReceiver } from '../exchange.ts';
import type { Field, RequestHead } from '../message.ts';
import { createBodyReader } from './create-body-reader.ts';
import { type ExchangeHost, Http1Exchange } from './exchange.ts';
import type { Http1Response } from './response-head.ts';
import type { WebSocketProof } from './websocket-handshake.ts';

/** A request to a server and its response. */
export class Http1ClientExchange extends Http1Exchange<ExchangeHost> implements ClientExchange {
  failure: ExchangeFailure | undefined;
  readonly request: RequestHead;
  /** What the answer has to prove. */
  readonly proof: WebSocketProof | undefined;
  #response: Http1Response | undefined;
  /** Written while the answer to an upgrade is awaited. */
  #early: Buffer[] = [];
  #hasEndedEarly = false;

  constructor(
    request: RequestHead,
    receiver: ResponseReceiver,
    host: ExchangeHost,
    proof?: WebSocketProof,
  ) {
    super(host, receiver);
    this.request = request;
    this.proof = proof;
  }

  start(): void {
    if (this.closedAs !== undefined) this.tellClosed(this.closedAs);
  }

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    if (this.isClosed) return false;
    if (this.#isAwaitingSwitch) return this.#keep(chunk, isOwned);
    return this.writeBody(chunk, more, isOwned);
  }

  end(trailers?: readonly Field[]): void {
    if (this.isClosed) return;
    if (this.#isAwaitingSwitch) this.#hasEndedEarly = true;
    else this.endBody(trailers);
  }

  close(): void {
    if (this.isClosed) return;
    this.readsNoMore = true;
    this.end();
  }

  // What the connection does.

  /** The final response's head has come. */
  get hasResponse(): boolean {
    return this.#response !== undefined;
  }

  get isResponseWhole(): boolean {
    return !this.isUpgraded && this.#response !== undefined && (this.body?.isWhole ?? true);
  }

  /** The response is ended by the end of the connection. */
  get isUntilClose(): boolean {
    return this.#response?.framing === 'until-close';
  }

  /** The server takes another request after this one. */
  get isPersistent(): boolean {
    return this.#response?.isPersistent === true;
  }

  informed(response: Http1Response): void {
    this.#heads?.informed(response.head);
  }

  responded(response: Http1Response): void {
    const { head, framing } = response;
    this.#response = response;
    this.isUpgraded = head.status === 101;
    if (framing !== 0 && !this.isUpgraded) {
      const { maxTrailerBytes } = this.host;
      this.body = createBodyReader(framing, { maxTrailerBytes, isRequest: false });
    }
    const isWhole = this.isResponseWhole;
    this.hasToldEnd = isWhole;
    this.#heads?.responded(head, isWhole);
    if (this.request.upgrade !== undefined) this.#goOnWithEarly();
  }

  override closed(how: StreamClose, failure?: ExchangeFailure): void {
    if (this.isClosed) return;
    this.failure = failure;
    super.closed(how);
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
    if (this.isUpgraded) this.host.writer.begin('', 'until-close');
    for (const chunk of early) {
      if (this.isUpgraded) this.write(chunk, false, true);
      else this.receiver?.written(chunk.length);
    }
    if (this.#hasEndedEarly) this.end();
  }

  /** Until another receiver is attached, it takes heads too. */
  get #heads(): ResponseReceiver | undefined {
    const { receiver } = this;
    return receiver !== undefined && 'responded' in receiver
      ? (receiver as ResponseReceiver)
      : undefined;
  }
}
