import type http from 'node:http';
import type { Writable } from 'node:stream';
import type { MonotonicClock } from '../../../../common/clock.ts';
import type { HttpLimits } from '../../config/limits.ts';
import { bodyDeadline } from '../body-deadline.ts';
import type { AnswerHead, Exchange } from '../exchange.ts';
import { type Field, fieldsOf, pairsOf, rawOf } from '../fields.ts';
import type { RequestHead } from '../request-head.ts';
import { type IdleWatch, watchIdleness } from '../stream-idle.ts';

/** What an exchange in HTTP/1 is made from. */
export interface Http1Parts {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly clock: MonotonicClock;
  readonly limits: HttpLimits;
  /** Whether the connection ends after this answer. */
  readonly isClosing: () => boolean;
  /** Breaks the connection off. */
  readonly reset: () => void;
  /** Is told when the answer has begun, and nothing moves any more. */
  readonly onIdle: () => void;
}

/** A request in HTTP/1, and the way to answer it. */
export class Http1Exchange implements Exchange {
  readonly head: RequestHead;
  readonly closed: AbortSignal;
  readonly bodyLate: AbortSignal | undefined;
  readonly #parts: Http1Parts;
  #idle: IdleWatch | undefined;

  constructor(head: RequestHead, parts: Http1Parts) {
    this.head = head;
    this.#parts = parts;
    const { request, response, clock, limits } = parts;
    const closed = new AbortController();
    this.closed = closed.signal;
    response.once('close', () => closed.abort());
    if (!head.hasBody) return;
    const isAnswered = (): boolean => this.answered;
    const isComplete = (): boolean => request.complete;
    this.bodyLate = bodyDeadline({ ...limits, clock, body: request, isComplete, isAnswered });
    response.once('finish', () => this.#boundRest());
  }

  get body(): http.IncomingMessage {
    return this.#parts.request;
  }

  trailers(): readonly Field[] {
    return fieldsOf(this.#parts.request.rawTrailers);
  }

  get answered(): boolean {
    return this.#parts.response.headersSent;
  }

  answer({ status, fields, ended, close, idleSeconds }: AnswerHead): Writable {
    const { response, clock, limits, isClosing, onIdle } = this.#parts;
    const idleMs = (idleSeconds ?? limits.streamIdleSeconds) * 1000;
    this.#idle = watchIdleness({ clock, idleMs, until: response }, () => {
      onIdle();
      this.abort();
    });
    if (close === true || isClosing()) response.shouldKeepAlive = false;
    response.writeHead(status, rawOf(fields));
    if (ended) response.end();
    else response.flushHeaders();
    return response;
  }

  moved(): void {
    this.#idle?.moved();
  }

  finish(trailers: readonly Field[]): void {
    const { response } = this.#parts;
    if (trailers.length > 0) response.addTrailers(pairsOf(trailers));
    response.end();
  }

  abort(): void {
    this.#parts.reset();
  }

  /** The answer is complete: what is left of the body is read for nothing, so that the next request can come. */
  #boundRest(): void {
    const { request, clock, limits, reset } = this.#parts;
    if (request.complete) return;
    const timer = clock.after(limits.requestSeconds * 1000, reset);
    request.once('end', () => timer.cancel());
    request.once('close', () => timer.cancel());
  }
}
