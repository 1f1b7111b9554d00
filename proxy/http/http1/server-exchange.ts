import type { ServerExchange } from '../exchange.ts';
import type { Field, RequestHead, ResponseHead } from '../message.ts';
import { createBodyReader } from './create-body-reader.ts';
import { type ExchangeHost, Http1Exchange } from './exchange.ts';
import { type BodyFraming, writtenFraming } from './message-writer.ts';
import type { Http1Request } from './request-head.ts';
import { withProof } from './websocket-handshake.ts';
import { type ConnectionOption, writeResponseHead } from './write-head.ts';

/** What an exchange needs of its connection. */
export interface ServerExchangeHost extends ExchangeHost {
  /** True when this is the last request that is served. */
  readonly isDraining: boolean;
  /** The body may be handed over. */
  started(): void;
}

/**
 * A request of a client and its response.
 *
 *     request   head -> body -> whole       (upgrade: head -> bytes -> FIN)
 *     response  none -> begun -> ended      (101: none -> begun -> FIN)
 */
export class Http1ServerExchange
  extends Http1Exchange<ServerExchangeHost>
  implements ServerExchange
{
  readonly request: RequestHead;
  readonly isWhole: boolean;
  /** What the client said: whether another request may follow. */
  readonly isPersistent: boolean;
  #isStarted = false;
  /** A final response has begun. */
  #hasResponded = false;
  #hasContinued = false;
  /** The response has no body, whatever the service sends. */
  #isBodyless = false;
  /** The response has said, or says by its framing, that the connection ends. */
  #isLast = false;

  constructor({ head, framing, isPersistent }: Http1Request, host: ServerExchangeHost) {
    super(host);
    this.request = head;
    this.isPersistent = isPersistent;
    this.isWhole = framing === 0 && head.upgrade === undefined;
    const { maxTrailerBytes } = host;
    if (framing !== 0) this.body = createBodyReader(framing, { maxTrailerBytes, isRequest: true });
  }

  // What the handler does.

  start(): void {
    if (this.closedAs !== undefined) return this.tellClosed(this.closedAs);
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (this.request.upgrade !== undefined && this.#hasResponded && !this.isUpgraded)
      this.tellEnd();
    this.host.started();
  }

  override detach(): void {
    super.detach();
    this.#isStarted = false;
  }

  inform(head: ResponseHead): void {
    const isInterim = head.status < 200 && head.status !== 101;
    if (!isInterim || this.isClosed || this.#hasResponded) return;
    if (this.request.version === '1.0') return;
    // A client that does not read must not make them pile up; but it waits for the one that lets it go on.
    if (this.host.writer.isFull && (head.status !== 100 || this.#hasContinued)) return;
    if (head.status === 100) this.#hasContinued = true;
    this.host.writer.whole(
      writeResponseHead({ ...head, upgrade: undefined }, undefined, undefined),
    );
  }

  respond(head: ResponseHead, isWhole: boolean): void {
    if (this.isClosed || this.#hasResponded) return;
    this.#hasResponded = true;
    if (head.status === 101) return this.#upgrade(head);
    if (this.request.upgrade !== undefined) this.tellEnd();
    const framing = this.#framingOf(head, isWhole);
    this.#isLast = framing === 'until-close' || this.#mustEnd();
    const text = writeResponseHead(head, this.#written(head, framing), this.#option());
    if (isWhole) this.host.writer.whole(text);
    else this.host.writer.begin(text, framing);
    this.host.progressed();
  }

  write(chunk: Buffer, more = false, isOwned = false): boolean {
    if (this.isClosed || !this.#hasResponded) return false;
    if (this.#isBodyless) {
      this.receiver?.written(chunk.length);
      return true;
    }
    return this.writeBody(chunk, more, isOwned);
  }

  end(trailers?: readonly Field[]): void {
    if (!this.isClosed && this.#hasResponded) this.endBody(trailers);
  }

  close(): void {
    if (this.isClosed) return;
    this.readsNoMore = true;
    this.end();
    if (!this.isClosed) this.host.progressed();
  }

  // What the connection does.

  /** True when bytes of the connection must wait: they belong to the next request, or the body is not started. */
  get isBlocked(): boolean {
    return this.isRequestWhole || !this.#isStarted;
  }

  /** Nothing more of the request is to come. */
  get isRequestWhole(): boolean {
    return !this.isUpgraded && (this.body === undefined || this.body.isWhole);
  }

  get hasResponded(): boolean {
    return this.#hasResponded;
  }

  /** All of the response was written and is out of memory. */
  get isResponseGone(): boolean {
    return this.#hasResponded && this.host.writer.isEnded && this.host.writer.isEmpty;
  }

  /** The connection ends after it. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /** Waits for the start. */
  override tellEnd(): void {
    if (this.#isStarted) super.tellEnd();
  }

  #upgrade(head: ResponseHead): void {
    if (this.request.upgrade === undefined) return this.host.reset();
    this.isUpgraded = true;
    this.#isLast = true;
    const { upgrade } = this.request;
    const switching = { ...withProof(head, this.request), upgrade };
    this.host.writer.begin(writeResponseHead(switching, undefined, undefined), 'until-close');
    this.host.progressed();
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
    if (!this.isPersistent || this.host.isDraining || method === 'CONNECT') return true;
    // Without a 100, the client may send the body that it held back, or its next request (RFC 9110 section 10.1.1).
    return !this.isRequestWhole && !this.#hasContinued && fields.some(isExpect);
  }
}

function isExpect([name]: Field): boolean {
  return name.length === 6 && name.toLowerCase() === 'expect';
}
