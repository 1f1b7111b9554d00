import type { MonotonicClock, MonotonicMs, Timer } from '../../../common/clock.ts';
import { type Rate, TokenBucket } from '../../../common/rate-limit.ts';
import type { ConnectionLimits } from '../../http2/connection-limits.ts';
import { type ConnectionHandler, Http2Connection } from '../../http2/connection.ts';
import { ConnectionError } from '../../http2/http2-error.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import { ERROR_CODE } from '../../http2/protocol.ts';
import type { Http2Stream } from '../../http2/stream.ts';
import { StreamTransport } from '../../http2/transport/stream-transport.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import type { ServerConnection, ServerConnectionHandler } from '../exchange.ts';
import type { Field } from '../message.ts';
import { SERVER_LIMITS } from './limits.ts';
import { readRequestHead } from './request-head.ts';
import { Http2ServerExchange } from './server-exchange.ts';

/** What serving a client takes. */
export interface ServeHttp2Options {
  readonly handler: ServerConnectionHandler;
  readonly clock: MonotonicClock;
  /** Bounds what waits in memory for slow readers, with all other connections. */
  readonly budget: MemoryBudget;
  /** On whose account it waits: the address of the client, say. */
  readonly owner: string;
  /** Read of the stream already, to find out what is spoken. */
  readonly early?: Buffer;
  /** A connection without a request for so long is ended; never, when it is left out. */
  readonly idleMs?: number;
  readonly limits?: ConnectionLimits;
  /** The fields of a request together, as HTTP/2 counts them; beyond: 431. As in `limits`, when it is left out. */
  readonly headerBytes?: number;
  /** Requests that it may give up before it is taken for a flood; `CANCELLED`, when it is left out. */
  readonly cancelled?: Rate;
}

/**
 * Requests that a client may give up in a burst and per second before it is taken for a flood (CVE-2023-44487, and
 * by breaking their rules: CVE-2025-8671). A browser that leaves a page twice gives up all streams twice.
 */
const CANCELLED: Rate = { burst: 200, perSecond: 50 };

/** A client that is told to go, and neither answers nor goes, is not waited for. */
const GO_WITHIN_MS = 5_000;

/** Serves the requests of a client's connection in HTTP/2 (RFC 9113). Takes the stream over. */
export function serveHttp2(stream: ByteStream, options: ServeHttp2Options): ServerConnection {
  return new Http2ServerConnection(stream, options);
}

class Http2ServerConnection implements ServerConnection, ConnectionHandler {
  readonly #http2: Http2Connection;
  readonly #options: ServeHttp2Options;
  readonly #limits: ConnectionLimits;
  readonly #cancelled: TokenBucket;
  /** Whether the client knows that it is to open no more streams; undefined when it was not told. */
  #isDrainKnown: boolean | undefined;
  #idleSinceMs: MonotonicMs;
  #idleTimer: Timer | undefined;

  constructor(stream: ByteStream, options: ServeHttp2Options) {
    const { clock, budget, owner, early, cancelled = CANCELLED } = options;
    this.#options = options;
    this.#limits = limitsOf(options);
    this.#cancelled = new TokenBucket(clock, cancelled);
    this.#idleSinceMs = clock.monotonicMs();
    this.#http2 = new Http2Connection({
      role: 'server',
      transport: new StreamTransport(stream, early),
      handler: this,
      limits: this.#limits,
      budget,
      owner,
      clock,
    });
    if (options.idleMs !== undefined) this.#watchIdleness(options.idleMs, options.idleMs);
  }

  /** As a tunnel does it: what the client has sent before it knows is served (RFC 9113 section 6.8). */
  drain(): void {
    const http2 = this.#http2;
    if (this.#isDrainKnown !== undefined || http2.isClosed) return;
    this.#isDrainKnown = false;
    http2.goaway('everything');
    http2.ping(this.#onDrainKnown);
    this.#idleTimer?.cancel();
    this.#idleTimer = this.#options.clock.after(GO_WITHIN_MS, this.#onDrainKnown);
  }

  /** What is here now is served, and nothing else; a client that answers no PING had its time. */
  readonly #onDrainKnown = (): void => {
    if (this.#isDrainKnown === true || this.#http2.isClosed) return;
    this.#isDrainKnown = true;
    if (this.#http2.openStreams > 0) this.#http2.goaway('what-is-here');
    this.#endWhenDone();
  };

  destroy(): void {
    this.#http2.destroy();
  }

  #endWhenDone(): void {
    if (this.#isDrainKnown === true && this.#http2.openStreams === 0) this.#http2.end();
  }

  /** Looked at when the time could be over, and not at each request. */
  #watchIdleness(leftMs: number, idleMs: number): void {
    const { clock } = this.#options;
    this.#idleTimer = clock.after(leftMs, () => {
      const isIdle = this.#http2.openStreams === 0;
      const left = isIdle ? this.#idleSinceMs + idleMs - clock.monotonicMs() : idleMs;
      if (left > 0) return this.#watchIdleness(left, idleMs);
      this.drain();
    });
  }

  // What the connection tells.

  request(http2: Http2Connection, stream: Http2Stream, fields: readonly Field[]): void {
    const { handler } = this.#options;
    const head = readRequestHead(fields);
    if ('malformed' in head) return this.#refuse(http2, stream, head.malformed);
    if (stream.remoteEnded && (head.contentLength ?? 0) > 0) {
      return this.#refuse(http2, stream, 'expected as much as content-length says, got nothing');
    }
    if (head.upgrade !== undefined && head.upgrade !== 'websocket') {
      return this.#decline(http2, stream, head.upgrade);
    }
    handler.request(new Http2ServerExchange(stream, head, this.#onCancelled));
  }

  oversizedRequest(http2: Http2Connection, stream: Http2Stream): void {
    const { handler } = this.#options;
    http2.respond(stream, 431, true);
    const { maxFields, maxListBytes } = this.#limits.headers;
    const sentence = `expected at most ${maxFields} header fields and ${maxListBytes} bytes, got more`;
    handler.refused({ reason: 'headers-too-large', status: 431, sentence });
    // Few bytes are a large head where they repeat what is in the table.
    this.#onCancelled();
  }

  settings(): void {}

  goaway(): void {}

  streamClosed(): void {
    if (this.#http2.openStreams > 0) return;
    this.#idleSinceMs = this.#options.clock.monotonicMs();
    this.#endWhenDone();
  }

  closed(error: Error | undefined): void {
    this.#idleTimer?.cancel();
    const { handler } = this.#options;
    if (error instanceof ConnectionError) {
      handler.refused({ reason: 'malformed', status: 0, sentence: error.message });
    }
    handler.closed();
  }

  /**
   * As in HTTP/1.1, where other proposals are ignored: a service that agreed to h2c would serve requests that no rule
   * here has seen. RFC 9220 section 3 has the status.
   */
  #decline(http2: Http2Connection, stream: Http2Stream, protocol: string): void {
    http2.respond(stream, 501, true);
    const sentence = `expected websocket as the protocol of CONNECT, got ${JSON.stringify(protocol.slice(0, 40))}`;
    this.#options.handler.refused({ reason: 'unsupported', status: 501, sentence });
    this.#onCancelled();
  }

  #refuse(http2: Http2Connection, stream: Http2Stream, sentence: string): void {
    http2.refuse(stream, ERROR_CODE.PROTOCOL_ERROR);
    this.#options.handler.refused({ reason: 'malformed', status: 0, sentence });
    this.#onCancelled();
  }

  /** Opening streams only to give them up makes us work for nothing. */
  readonly #onCancelled = (): void => {
    if (this.#http2.isClosed || this.#cancelled.take()) return;
    throw new ConnectionError(
      'ENHANCE_YOUR_CALM',
      'expected requests that wait for their responses, got a flood of others',
    );
  };
}

function limitsOf({ limits = SERVER_LIMITS, headerBytes }: ServeHttp2Options): ConnectionLimits {
  if (headerBytes === undefined) return limits;
  return { ...limits, headers: { ...limits.headers, maxListBytes: headerBytes } };
}
