import {
  constants,
  type Http2Stream,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from 'node:http2';
import type { Writable } from 'node:stream';
import type { MonotonicClock } from '../../../../common/clock.ts';
import type { HttpLimits } from '../../config/limits.ts';
import { bodyDeadline } from '../body-deadline.ts';
import type { AnswerHead, Exchange } from '../exchange.ts';
import { type Field, fieldsOf, http2HeadersOf } from '../fields.ts';
import type { RequestHead } from '../request-head.ts';
import { type IdleWatch, watchIdleness } from '../stream-idle.ts';

/**
 * Keeps node:http2 from ending a stream that it resets: by itself it sends END_STREAM before the
 * RST_STREAM, and what was cut short would look complete.
 */
function resetWithoutEnd(stream: Http2Stream): void {
  const endStream = stream._final.bind(stream);
  stream._final = (callback) => {
    if (stream.closed) callback();
    else endStream(callback);
  };
}

/** What can be done about a request whose client does not take what it is sent. */
export interface StreamContext {
  readonly clock: MonotonicClock;
  readonly limits: HttpLimits;
  /** Breaks the whole connection off. */
  readonly reset: () => void;
  /** Is told when the answer has begun, and nothing moves any more. */
  readonly onIdle: () => void;
}

/** The end of one request of many takes a turn; not so where the client has stopped reading all of them. */
const RESET_WITHIN_MS = 5_000;

/** Breaks off what cannot be completed; with the connection, where that cannot be said on it. */
export function resetStream(
  stream: ServerHttp2Stream,
  { clock, reset }: Pick<StreamContext, 'clock' | 'reset'>,
): void {
  if (stream.destroyed) return;
  // Not within a callback of node:http2, where the reset would wait behind data and trailers.
  setImmediate(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  const timer = clock.after(RESET_WITHIN_MS, reset);
  stream.once('close', () => timer.cancel());
}

/**
 * Begins an answer, unless the client has taken its request back by now: node:http2 would throw, and
 * a client that sends a request and its reset at once could end the process.
 *
 * @returns whether it has begun
 */
export function beginAnswer(
  stream: ServerHttp2Stream,
  headers: OutgoingHttpHeaders,
  options: ServerStreamResponseOptions,
): boolean {
  if (stream.destroyed || stream.closed) {
    stream.destroy();
    return false;
  }
  stream.respond(headers, options);
  return true;
}

/** Bounds an answer that is about to begin. */
export function watchAnswer(
  stream: ServerHttp2Stream,
  idleSeconds: number,
  context: StreamContext,
): IdleWatch {
  const options = { clock: context.clock, idleMs: idleSeconds * 1000, until: stream };
  return watchIdleness(options, () => {
    context.onIdle();
    resetStream(stream, context);
  });
}

/** A request in HTTP/2, and the way to answer it. */
export class Http2Exchange implements Exchange {
  readonly head: RequestHead;
  readonly closed: AbortSignal;
  readonly bodyLate: AbortSignal | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #context: StreamContext;
  readonly #closed = new AbortController();
  #idle: IdleWatch | undefined;
  #trailers: readonly Field[] = [];
  #answerTrailers: readonly Field[] = [];

  constructor(head: RequestHead, stream: ServerHttp2Stream, context: StreamContext) {
    this.head = head;
    this.#stream = stream;
    this.#context = context;
    resetWithoutEnd(stream);
    this.closed = this.#closed.signal;
    stream.once('close', () => this.#closed.abort());
    stream.on('trailers', (_headers, _flags, raw: readonly string[] = []) => {
      this.#trailers = fieldsOf(raw);
    });
    if (!head.hasBody) return;
    const { clock, limits } = context;
    const isAnswered = (): boolean => this.answered;
    this.bodyLate = bodyDeadline({ ...limits, clock, body: stream, isAnswered });
  }

  get body(): ServerHttp2Stream {
    return this.#stream;
  }

  trailers(): readonly Field[] {
    return this.#trailers;
  }

  get answered(): boolean {
    return this.#stream.headersSent;
  }

  answer({ status, fields, ended, trailers, idleSeconds }: AnswerHead): Writable {
    const stream = this.#stream;
    const { streamIdleSeconds } = this.#context.limits;
    this.#idle = watchAnswer(stream, idleSeconds ?? streamIdleSeconds, this.#context);
    const headers = { ...http2HeadersOf(fields), ':status': status };
    const withTrailers = trailers && !ended;
    if (withTrailers) {
      stream.on('wantTrailers', () => {
        this.#sendTrailers();
        this.#stopReading();
      });
    } else {
      stream.once('finish', () => this.#stopReading());
    }
    const begun = beginAnswer(stream, headers, { endStream: ended, waitForTrailers: withTrailers });
    if (!begun) this.#closed.abort();
    return stream;
  }

  moved(): void {
    this.#idle?.moved();
  }

  finish(trailers: readonly Field[]): void {
    this.#answerTrailers = trailers;
    this.#stream.end();
  }

  #sendTrailers(): void {
    try {
      this.#stream.sendTrailers(http2HeadersOf(this.#answerTrailers));
    } catch {
      // The service said something twice that HTTP/2 has once, or the client has just gone.
      this.abort();
    }
  }

  /** The answer is complete: a client that still sends is told to stop (RFC 9113 section 8.1). */
  #stopReading(): void {
    const stream = this.#stream;
    if (!this.head.hasBody || stream.readableEnded) return;
    setImmediate(() => {
      if (!stream.readableEnded && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  abort(): void {
    resetStream(this.#stream, this.#context);
  }
}
