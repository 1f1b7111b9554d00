import type { MonotonicClock } from '../../../common/clock.ts';
import { WaitingBytes } from '../../http2/waiting-bytes.ts';
import type { ByteStream, StreamClose, StreamReceiver } from '../../stream/byte-stream.ts';
import type { ProtocolRefusal, ServerConnection, ServerConnectionHandler } from '../exchange.ts';
import type { RequestHead } from '../message.ts';
import { Deadline } from './deadline.ts';
import { MessageWriter } from './message-writer.ts';
import type { Http1Request } from './request-head.ts';
import { RequestReader } from './request-reader.ts';
import { Http1ServerExchange, type ServerExchangeHost } from './server-exchange.ts';
import { writeStatusResponse } from './write-head.ts';

/** How connections of clients are served. */
export interface Http1ServerOptions {
  /** What the connection is, as the client sees it. */
  readonly scheme: RequestHead['scheme'];
  readonly clock: MonotonicClock;
  readonly limits: Http1ServerLimits;
}

/** What a client may take. */
export interface Http1ServerLimits {
  /** Request line and fields together; and trailers. Beyond: 431, or 414 for a request line. */
  readonly headerBytes: number;
  /** From the beginning of a connection, or the first byte of a later request, until its head is complete; beyond: 408. */
  readonly headersMs: number;
  /** Between two requests of a connection; beyond, it is ended. */
  readonly idleMs: number;
}

/** Bytes of later requests that are kept while one is served; a socket is not read further then. */
const STASH_BYTES = 64 * 1024;

/** How long a draining connection waits for a request that may be on its way: longer than an active client pauses. */
const RETIRED_IDLE_MS = 5_000;

/**
 * After our FIN the connection is read on until the client's FIN, for so long: closing it while bytes arrive would
 * send a reset, which can destroy the last response before the client has read it (RFC 9112 section 9.6).
 */
const LINGER_MS = 2_000;

/** How long the client may take to read what was written. */
const CLOSING_MS = 30_000;

/** Serves the requests of a client's connection, which this takes over. The handler may be called before this returns. */
export function serveHttp1(
  stream: ByteStream,
  options: Http1ServerOptions,
  handler: ServerConnectionHandler,
): ServerConnection {
  return new Http1ServerConnection(stream, options, handler);
}

/**
 * Serves one request after the other; pipelined requests wait.
 *
 *     head -> exchange -> head -> exchange -> ... -> lingering -> closed
 *                 └─ 101: bytes ─────────────────────────────────────^
 *
 * **A client that gives up.** HTTP/1 cannot cancel a request. A reset connection does. A FIN may mean it as well, or
 * may be the half-close of a client that has sent everything and still reads. It cancels, as in nginx and Envoy, unless
 * the request said that it is the last one (`Connection: close`, or HTTP/1.0 without keep-alive): there a half-close
 * says nothing new, and clients such as BusyBox wget and nc do it. A FIN within a request always cancels.
 */
class Http1ServerConnection implements ServerConnection, StreamReceiver, ServerExchangeHost {
  readonly writer: MessageWriter;
  isDraining = false;
  readonly #stream: ByteStream;
  readonly #options: Http1ServerOptions;
  readonly #handler: ServerConnectionHandler;
  readonly #reader: RequestReader;
  readonly #deadline: Deadline;
  #state: 'open' | 'lingering' | 'closed' = 'open';
  #exchange: Http1ServerExchange | undefined;
  /** Bytes that wait until the exchange is complete, or started. */
  #stash = new WaitingBytes();
  #isReading = false;
  #hasPeerEnded = false;
  #isFirst = true;
  /** The time of the head under way is running. */
  #isHeadTimed = false;
  /** Everything is written, and only has to be sent. */
  #isClosing = false;

  constructor(stream: ByteStream, options: Http1ServerOptions, handler: ServerConnectionHandler) {
    this.#stream = stream;
    this.#options = options;
    this.#handler = handler;
    this.writer = new MessageWriter(stream, this.#onWritten);
    this.#reader = new RequestReader(options.scheme, options.limits.headerBytes);
    this.#deadline = new Deadline(options.clock, () => this.#onDeadline());
    this.#deadline.set(options.limits.headersMs);
    stream.attach(this);
    stream.start();
  }

  // What the owner of the connection does.

  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    if (this.#state !== 'open' || this.#exchange !== undefined || !this.#reader.isEmpty) return;
    this.#waitForHead();
  }

  destroy(): void {
    if (this.#state !== 'closed') this.#breakOff();
  }

  // What the stream tells.

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    if (this.#state === 'closed') return false;
    if (this.#state === 'lingering') {
      this.#stream.consumed(chunk.length);
      return true;
    }
    if (this.#stash.length > 0 || this.#isReading) return this.#keep(chunk, isOwned);
    return this.#read(chunk, more, isOwned);
  }

  end(): void {
    this.#hasPeerEnded = true;
    const exchange = this.#exchange;
    if (this.#state !== 'open') return;
    if (exchange === undefined) return this.#endQuietly();
    // What waits to be read comes before its end.
    if (!exchange.isRequestWhole && this.#stash.length > 0) return;
    if (exchange.isUpgraded) return exchange.tellEnd();
    if (exchange.isRequestWhole && !exchange.isPersistent) return;
    this.#breakOff();
  }

  /** Bytes of the body that wait come before the FIN. Of the request that said to be the last, it may be the half-close. */
  endWaits(): void {
    const exchange = this.#exchange;
    if (this.#state !== 'open' || exchange === undefined || exchange.isUpgraded) return;
    if (exchange.isPersistent) this.#breakOff();
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
    this.#close(how);
  }

  // What the exchange wants.

  get maxTrailerBytes(): number {
    return this.#options.limits.headerBytes;
  }

  /** Also after the end, for what was handed over before: a stream of a tunnel holds it until then. */
  consumed(bytes: number): void {
    if (bytes > 0) this.#stream.consumed(bytes);
  }

  holdSpare(bytes: number): void {
    if (this.#state !== 'closed') this.#stream.holdSpare(bytes);
  }

  started(): void {
    this.#readStash();
  }

  progressed(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || this.#state !== 'open') return;
    if (exchange.isUpgraded) return this.#readStash();
    if (!exchange.isResponseGone) return;
    if (exchange.isRequestWhole || exchange.readsNoMore) this.#finish(exchange);
  }

  endStream(): void {
    this.#stream.end();
  }

  reset(): void {
    this.#exchange?.closedSilently();
    this.destroy();
  }

  // Reading.

  /** @returns false to stop the stream */
  #read(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    this.#isReading = true;
    let hasRoom = true;
    let at = 0;
    while (at < chunk.length && this.#state === 'open') {
      const exchange = this.#exchange;
      if (exchange === undefined) {
        const before = at;
        at = this.#readHead(chunk, at);
        this.consumed(at - before);
      } else if (exchange.isBlocked) {
        hasRoom = this.#keep(at === 0 ? chunk : chunk.subarray(at), isOwned);
        at = chunk.length;
      } else {
        at = exchange.read(chunk, at, more, isOwned);
        ({ hasRoom } = exchange);
        if (this.#exchange === exchange) this.#judgeBody(exchange);
      }
    }
    this.#isReading = false;
    // What follows a refusal, or the last request, is dropped.
    this.consumed(chunk.length - at);
    return hasRoom;
  }

  #keep(chunk: Buffer, isOwned: boolean): boolean {
    // One piece of memory: a client may send each byte by itself.
    this.#stash.append(chunk, isOwned);
    return this.#stash.length < STASH_BYTES;
  }

  #readStash(): void {
    if (this.#isReading) return;
    while (this.#state === 'open' && this.#exchange?.isBlocked !== true) {
      if (this.#stash.length === 0) break;
      const { bytes } = this.#stash;
      this.#stash = new WaitingBytes();
      this.#read(bytes, false, true);
    }
    if (this.#hasPeerEnded && this.#state === 'open') this.end();
  }

  #readHead(chunk: Buffer, at: number): number {
    const reader = this.#reader;
    const request = reader.read(chunk, at);
    const { next } = reader;
    if (request === undefined) this.#timeHead();
    else if ('reason' in request) this.#refuse(request);
    else this.#begin(request);
    return next;
  }

  #begin(request: Http1Request): void {
    this.#deadline.lift();
    this.#isFirst = false;
    this.#isHeadTimed = false;
    const exchange = new Http1ServerExchange(request, this);
    this.#exchange = exchange;
    this.#handler.request(exchange);
  }

  /** A part of a head has come. The first request's time runs from the beginning of the connection. */
  #timeHead(): void {
    if (this.#isFirst || this.#isHeadTimed || this.#reader.isEmpty) return;
    this.#isHeadTimed = true;
    this.#deadline.set(this.#options.limits.headersMs);
  }

  #judgeBody(exchange: Http1ServerExchange): void {
    const fault = exchange.bodyFault;
    if (fault === undefined) return this.progressed();
    const status = fault.reason === 'malformed' ? 400 : 431;
    this.#exchange = undefined;
    exchange.closed('reset');
    if (!exchange.hasResponded) return this.#refuse({ ...fault, status });
    // A response of ours would end up inside of the one that has begun.
    this.#handler.refused({ ...fault, status: 0 });
    this.destroy();
  }

  // The end.

  /** Answers with a status, and reads nothing more. */
  #refuse(refusal: ProtocolRefusal): void {
    if (this.#state !== 'open') return;
    this.#handler.refused(refusal);
    if (this.#state !== 'open') return;
    this.writer.whole(writeStatusResponse(refusal.status));
    this.#linger();
  }

  #finish(exchange: Http1ServerExchange): void {
    this.#exchange = undefined;
    exchange.closed('ended');
    if (this.#state !== 'open') return;
    if (exchange.isLast || this.#hasPeerEnded || !exchange.isRequestWhole) return this.#linger();
    this.#waitForHead();
    this.#readStash();
  }

  #waitForHead(): void {
    const { idleMs } = this.#options.limits;
    this.#deadline.set(this.isDraining ? Math.min(idleMs, RETIRED_IDLE_MS) : idleMs);
  }

  #onDeadline(): void {
    if (this.#state === 'lingering') return this.#isClosing ? this.destroy() : this.#endQuietly();
    if (this.#reader.isEmpty) return this.#endQuietly();
    const sentence = `expected the head of a request in ${this.#options.limits.headersMs} ms, got a part of it`;
    this.#refuse({ reason: 'too-late', status: 408, sentence });
  }

  /** Ends our direction, and waits for the end of the client's. */
  #linger(): void {
    this.#state = 'lingering';
    const bytes = this.#stash.length;
    this.#stash = new WaitingBytes();
    if (bytes > 0) this.#stream.consumed(bytes);
    this.#deadline.set(LINGER_MS);
    this.#stream.end();
  }

  /** Closes as soon as everything is sent. */
  #endQuietly(): void {
    this.#state = 'lingering';
    this.#isClosing = true;
    this.#deadline.set(CLOSING_MS);
    this.#stream.close();
  }

  /** The client has given up. */
  #breakOff(): void {
    this.#stream.reset();
    this.#close('reset');
  }

  #close(how: StreamClose): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#deadline.cancel();
    this.writer.discard();
    this.#stash = new WaitingBytes();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    // An exchange of HTTP that is still open has been cut off, even by an orderly end.
    exchange?.closed(exchange.isUpgraded || how === 'lost' || how === 'shed' ? how : 'reset');
    this.#handler.closed();
  }
}
