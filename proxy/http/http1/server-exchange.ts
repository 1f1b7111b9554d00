import type { StreamClose } from '../../stream/byte-stream.ts';
import type { BodyReceiver, ServerExchange } from '../exchange.ts';
import type { Field, RequestHead, ResponseHead } from '../message.ts';
import type { BodyReader, BodySink } from './body-reader.ts';
import { createBodyReader } from './create-body-reader.ts';
import { type BodyFraming, type MessageWriter, writtenFraming } from './message-writer.ts';
import type { Http1Request } from './request-head.ts';
import { withProof } from './websocket-handshake.ts';
import { type ConnectionOption, writeResponseHead } from './write-head.ts';

/** What an exchange needs of its connection. */
export interface ServerExchangeHost {
  readonly writer: MessageWriter;
  readonly maxTrailerBytes: number;
  /** True when this is the last request that is served. */
  readonly isDraining: boolean;
  consumed(bytes: number): void;
  holdSpare(bytes: number): void;
  /** The body may be handed over. */
  started(): void;
  /** Something of it has ended: the exchange may be complete. */
  progressed(): void;
  /** Ends our direction of a connection that has become something else. */
  endStream(): void;
  /** Breaks the connection off; the exchange hears no more. */
  reset(): void;
}

/**
 * A request of a client and its response.
 *
 *     request   head -> body -> whole       (upgrade: head -> bytes -> FIN)
 *     response  none -> begun -> ended      (101: none -> begun -> FIN)
 */
export class Http1ServerExchange implements ServerExchange, BodySink {
  readonly request: RequestHead;
  readonly isWhole: boolean;
  /** What the client said: whether another request may follow. */
  readonly isPersistent: boolean;
  /** What the receiver returned for the last piece. */
  hasRoom = true;
  /** Undefined where there is no body. */
  readonly #body: BodyReader | undefined;
  readonly #host: ServerExchangeHost;
  #receiver: BodyReceiver | undefined;
  #isStarted = false;
  #hasToldEnd = false;
  #hasToldClosed = false;
  #isUpgraded = false;
  #readsNoMore = false;
  /** A final response has begun. */
  #hasResponded = false;
  #hasContinued = false;
  /** The response has no body, whatever the service sends. */
  #isBodyless = false;
  /** The response has said, or says by its framing, that the connection ends. */
  #isLast = false;
  #closedAs: StreamClose | undefined;

  constructor({ head, framing, isPersistent }: Http1Request, host: ServerExchangeHost) {
    this.request = head;
    this.isPersistent = isPersistent;
    this.#host = host;
    this.isWhole = framing === 0 && head.upgrade === undefined;
    const { maxTrailerBytes } = host;
    this.#body =
      framing === 0 ? undefined : createBodyReader(framing, { maxTrailerBytes, isRequest: true });
  }

  get isClosed(): boolean {
    return this.#closedAs !== undefined;
  }

  // What the handler does.

  attach(receiver: BodyReceiver): void {
    this.#receiver = receiver;
  }

  start(): void {
    if (this.#closedAs !== undefined) return this.#tellClosed(this.#closedAs);
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (this.request.upgrade !== undefined && this.#hasResponded && !this.#isUpgraded)
      this.#tellEnd();
    this.#host.started();
  }

  detach(): void {
    this.#receiver = undefined;
    this.#isStarted = false;
  }

  consumed(bytes: number): void {
    this.#host.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    this.#host.holdSpare(bytes);
  }

  inform(head: ResponseHead): void {
    const isInterim = head.status < 200 && head.status !== 101;
    if (!isInterim || this.isClosed || this.#hasResponded) return;
    if (this.request.version === '1.0') return;
    // A client that does not read must not make them pile up; but it waits for the one that lets it go on.
    if (this.#host.writer.isFull && (head.status !== 100 || this.#hasContinued)) return;
    if (head.status === 100) this.#hasContinued = true;
    this.#host.writer.whole(
      writeResponseHead({ ...head, upgrade: undefined }, undefined, undefined),
    );
  }

  respond(head: ResponseHead, isWhole: boolean): void {
    if (this.isClosed || this.#hasResponded) return;
    this.#hasResponded = true;
    if (head.status === 101) return this.#upgrade(head);
    if (this.request.upgrade !== undefined) this.#tellEnd();
    const framing = this.#framingOf(head, isWhole);
    this.#isLast = framing === 'until-close' || this.#mustEnd();
    const text = writeResponseHead(head, this.#written(head, framing), this.#option());
    if (isWhole) this.#host.writer.whole(text);
    else this.#host.writer.begin(text, framing);
    this.#host.progressed();
  }

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    if (this.isClosed || !this.#hasResponded) return false;
    if (this.#isBodyless) {
      this.#receiver?.written(chunk.length);
      return true;
    }
    if (this.#host.writer.isEnded) return false;
    const hasRoom = this.#host.writer.write(chunk, more, isOwned);
    // More than Content-Length has promised: what is sent must not look like a whole response.
    if (hasRoom === undefined) this.#host.reset();
    return hasRoom ?? false;
  }

  end(trailers?: readonly Field[]): void {
    if (this.isClosed || !this.#hasResponded) return;
    const hasEnded = this.#host.writer.end(trailers);
    if (!hasEnded) return this.#host.reset();
    if (this.#isUpgraded) this.#host.endStream();
    this.#host.progressed();
  }

  close(): void {
    if (this.isClosed) return;
    this.#readsNoMore = true;
    this.end();
    if (!this.isClosed) this.#host.progressed();
  }

  reset(): void {
    if (this.isClosed) return;
    this.#host.reset();
  }

  // What the connection does.

  /** True when bytes of the connection must wait: they belong to the next request, or the body is not started. */
  get isBlocked(): boolean {
    return this.isRequestWhole || !this.#isStarted;
  }

  /** Nothing more of the request is to come. */
  get isRequestWhole(): boolean {
    return !this.#isUpgraded && (this.#body === undefined || this.#body.isWhole);
  }

  get isUpgraded(): boolean {
    return this.#isUpgraded;
  }

  get hasResponded(): boolean {
    return this.#hasResponded;
  }

  /** All of the response was written and is out of memory. */
  get isResponseGone(): boolean {
    return this.#hasResponded && this.#host.writer.isEnded && this.#host.writer.isEmpty;
  }

  get readsNoMore(): boolean {
    return this.#readsNoMore;
  }

  /** The connection ends after it. */
  get isLast(): boolean {
    return this.#isLast;
  }

  get bodyFault(): BodyReader['fault'] {
    return this.#body?.fault;
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
    if (body.isWhole) this.#tellEnd();
    return next;
  }

  /** The client has ended its direction of an upgraded connection. */
  peerEnded(): void {
    this.#tellEnd();
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

  /** Over, in order or not. */
  closed(how: StreamClose): void {
    if (this.isClosed) return;
    this.#closedAs = how;
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

  #tellEnd(): void {
    if (this.#hasToldEnd || !this.#isStarted || this.isClosed) return;
    this.#hasToldEnd = true;
    this.#receiver?.end(this.#body?.trailers);
  }

  #upgrade(head: ResponseHead): void {
    if (this.request.upgrade === undefined) return this.#host.reset();
    this.#isUpgraded = true;
    this.#isLast = true;
    const { upgrade } = this.request;
    const switching = { ...withProof(head, this.request), upgrade };
    this.#host.writer.begin(writeResponseHead(switching, undefined, undefined), 'until-close');
    this.#host.progressed();
  }

  /** RFC 9112 section 6: what the version, the method and the status allow. */
  #framingOf({ status, contentLength }: ResponseHead, isWhole: boolean): BodyFraming {
    this.#isBodyless = this.request.method === 'HEAD' || status === 204 || status === 304;
    if (this.#isBodyless || isWhole) return 0;
    if (contentLength !== undefined) return contentLength;
    return this.request.version === '1.1' ? 'chunked' : 'until-close';
  }

  /** RFC 9110 section 8.6: what the head says of the body, which may be that of another request. */
  #written(
    { status, contentLength }: ResponseHead,
    framing: BodyFraming,
  ): ReturnType<typeof writtenFraming> {
    if (status === 204) return undefined;
    if (this.#isBodyless) return contentLength;
    return writtenFraming(framing);
  }

  #option(): ConnectionOption {
    if (this.#isLast) return 'close';
    return this.request.version === '1.0' ? 'keep-alive' : undefined;
  }

  #mustEnd(): boolean {
    const { method, fields } = this.request;
    if (!this.isPersistent || this.#host.isDraining || method === 'CONNECT') return true;
    // Without a 100, the client may send the body that it held back, or its next request (RFC 9110 section 10.1.1).
    return !this.isRequestWhole && !this.#hasContinued && fields.some(isExpect);
  }
}

function isExpect([name]: Field): boolean {
  return name.length === 6 && name.toLowerCase() === 'expect';
}
