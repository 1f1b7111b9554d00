import type { MonotonicClock } from '../../../common/clock.ts';
import type { ConnectionLimits } from '../../http2/connection-limits.ts';
import { Http2Connection } from '../../http2/connection.ts';
import { ConnectionError } from '../../http2/http2-error.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import { ERROR_CODE } from '../../http2/protocol.ts';
import { StreamTransport } from '../../http2/transport/stream-transport.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import type {
  ClientConnection,
  ClientConnectionObserver,
  ClientExchange,
  ExchangeFailure,
  ResponseReceiver,
} from '../exchange.ts';
import type { RequestHead } from '../message.ts';
import { type ClientExchangeHost, Http2ClientExchange } from './client-exchange.ts';
import { CLIENT_LIMITS } from './limits.ts';
import { requestFields } from './request-head.ts';

/** What a connection to a server takes. */
export interface ConnectHttp2Options {
  readonly observer: ClientConnectionObserver;
  readonly clock: MonotonicClock;
  /** Bounds what waits in memory for slow readers, with all other connections. */
  readonly budget: MemoryBudget;
  /** On whose account it waits: the server. */
  readonly owner: string;
  readonly limits?: ConnectionLimits;
  /** Requests at a time, where the server allows as many; 100 by default. */
  readonly maxRequests?: number;
}

/**
 * As many as most servers allow: what is sent before their SETTINGS have come should not be refused. Not more where a
 * server allows it, since all that is under way may be reset at once: see `MAX_RESETS`.
 */
const MAX_REQUESTS = 100;

/**
 * Requests that we reset on a connection before another one takes its place. Servers take many for a flood
 * (CVE-2023-44487) and end the connection, with the requests of all clients on it: Netty after 200 in 30 seconds, a sidecar
 * after 200 and 50 a second, Envoy after 500, Node.js after 1,000 and 33 a second. What is under way by then may be
 * reset too, so that there are 163 at most: one less than this and `MAX_REQUESTS` together.
 */
const MAX_RESETS = 64;

/** Speaks HTTP/2 with a server (RFC 9113), which is known to speak it. Takes the stream over. */
export function connectHttp2(stream: ByteStream, options: ConnectHttp2Options): ClientConnection {
  return new Http2ClientConnection(stream, options);
}

class Http2ClientConnection implements ClientConnection, ClientExchangeHost {
  readonly #http2: Http2Connection;
  readonly #options: ConnectHttp2Options;
  readonly #maxRequests: number;
  #hasSettings = false;
  /** Takes no more requests: it drains, the server has sent GOAWAY, or `MAX_RESETS` requests were reset. */
  #isRetired = false;
  /** A caller found no capacity. */
  #wasFull = false;
  #requests = 0;
  #resets = 0;
  /** Want another protocol, which a server has to allow first (RFC 8441 section 3). */
  readonly #undecided = new Set<Http2ClientExchange>();

  constructor(stream: ByteStream, options: ConnectHttp2Options) {
    const { clock, budget, owner, limits = CLIENT_LIMITS, maxRequests = MAX_REQUESTS } = options;
    this.#options = options;
    this.#maxRequests = maxRequests;
    this.#http2 = new Http2Connection({
      role: 'client',
      transport: new StreamTransport(stream),
      handler: {
        request: (http2, refused) => http2.refuse(refused, ERROR_CODE.REFUSED_STREAM),
        settings: () => this.#onSettings(),
        goaway: () => {
          this.#isRetired = true;
          this.#endWhenDone();
        },
        streamClosed: () => this.#onStreamClosed(),
        closed: () => this.#onClosed(),
      },
      limits,
      budget,
      owner,
      clock,
    });
  }

  get capacity(): number {
    if (this.isClosed) return 0;
    const allowed = this.limit ?? this.#maxRequests;
    return Math.max(0, allowed - this.#open);
  }

  get limit(): number | undefined {
    if (!this.#hasSettings) return undefined;
    return Math.min(this.#maxRequests, this.#http2.peer.maxConcurrentStreams);
  }

  get isIdle(): boolean {
    return this.#open === 0;
  }

  get isClosed(): boolean {
    return this.#isRetired || this.#http2.isClosed;
  }

  get #open(): number {
    return this.#http2.openStreams + this.#undecided.size;
  }

  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined {
    if (this.capacity === 0) {
      this.#wasFull = true;
      return undefined;
    }
    const sentAt = { requests: this.#requests, reads: this.#http2.reads };
    const exchange = new Http2ClientExchange(this, head, receiver, sentAt);
    if (head.upgrade !== undefined) this.#undecided.add(exchange);
    else if (!this.#send(exchange, isWhole)) return undefined;
    if (this.#hasSettings && head.upgrade !== undefined) queueMicrotask(() => this.#decide());
    if (this.capacity === 0) this.#wasFull = true;
    return exchange;
  }

  drain(): void {
    this.#isRetired = true;
    this.#endWhenDone();
  }

  destroy(): void {
    // A server that has nothing under way should not have to log a reset.
    if (this.isIdle) this.#http2.end();
    else this.#http2.destroy();
  }

  /** False when the ids of its streams are used up. */
  #send(exchange: Http2ClientExchange, isWhole: boolean): boolean {
    const stream = this.#http2.request(requestFields(exchange.request), isWhole, exchange);
    this.#requests += 1;
    if (stream === undefined) this.#isRetired = true;
    else exchange.begin(stream);
    return stream !== undefined;
  }

  /** Sends what wants another protocol, now that the server's SETTINGS are known. */
  #decide(): void {
    for (const exchange of this.#undecided) {
      this.#undecided.delete(exchange);
      const isSent = this.#http2.peer.extendedConnect && this.#send(exchange, false);
      if (!isSent) exchange.fail(NO_EXTENDED_CONNECT, 'reset');
    }
  }

  #endWhenDone(): void {
    if (this.#isRetired && this.isIdle) this.#http2.end();
  }

  #onSettings(): void {
    this.#hasSettings = true;
    this.#decide();
    if (this.capacity > 0) this.#wasFull = false;
    if (!this.isClosed) this.#options.observer.available();
  }

  #onStreamClosed(): void {
    this.#endWhenDone();
    this.#tellAvailable();
  }

  #tellAvailable(): void {
    if (!this.#wasFull || this.capacity === 0) return;
    this.#wasFull = false;
    this.#options.observer.available();
  }

  #onClosed(): void {
    this.#isRetired = true;
    for (const exchange of this.#undecided) exchange.fail(this.lossOf(exchange), 'lost');
    this.#undecided.clear();
    this.#options.observer.closed();
  }

  // What exchanges ask.

  forget(exchange: Http2ClientExchange): void {
    this.#undecided.delete(exchange);
    this.#onStreamClosed();
  }

  countReset(): void {
    this.#resets += 1;
    if (this.#resets !== MAX_RESETS || this.isClosed) return;
    this.#isRetired = true;
    this.#endWhenDone();
    this.#options.observer.available();
  }

  lossOf({ hasHead, sentAt }: Http2ClientExchange): ExchangeFailure {
    const { error, reads } = this.#http2;
    const sentence = `expected a response, and the connection ended: ${error?.message ?? 'without GOAWAY'}`;
    if (error instanceof ConnectionError) return { kind: 'malformed', sentence };
    const isStale = !hasHead && sentAt.requests > 0 && sentAt.reads === reads;
    return { kind: isStale ? 'stale' : 'lost', sentence };
  }
}

const NO_EXTENDED_CONNECT: ExchangeFailure = {
  kind: 'reset',
  sentence: 'expected a server that takes extended CONNECT (RFC 8441), got one that does not',
};
