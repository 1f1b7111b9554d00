import type { Readable, Writable } from 'node:stream';
import type { Field } from './fields.ts';
import type { RequestHead } from './request-head.ts';

/** A request from outside, and the way to answer it, whatever version of HTTP the client speaks. */
export interface Exchange {
  readonly head: RequestHead;
  readonly body: Readable;
  /** What came after the body. */
  trailers(): readonly Field[];
  /** Aborted when the client has disconnected, or the answer is complete. */
  readonly closed: AbortSignal;
  readonly answered: boolean;
  /**
   * Aborted, with a `Refused`, when the body was not carried on in time and no answer has begun; undefined
   * without a body.
   */
  readonly bodyLate: AbortSignal | undefined;
  /** Starts the answer; call it once. `ended` is for one that has neither body nor trailers. */
  answer(head: AnswerHead): Writable;
  /** Something of the body, or of the answer, has been carried on. */
  moved(): void;
  /** Ends an answer that has a body. */
  finish(trailers: readonly Field[]): void;
  /** Breaks off what cannot be completed: the client must not take it for complete. */
  abort(): void;
}

/** The part of an answer that comes before its body. */
export interface AnswerHead {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly ended: boolean;
  /** The answer may have trailers. */
  readonly trailers: boolean;
  /** Take no other request on this connection. */
  readonly close?: boolean;
  /** For how long nothing may move from now on, instead of the listener's limit; 0 for ever. */
  readonly idleSeconds?: number | undefined;
}

/** The answer of a service. */
export interface ServiceAnswer extends AnswerHead {
  readonly body: Readable;
  /** What came after the body, once it has ended. */
  readonly finalTrailers: () => readonly Field[];
}

/** A request on its way to a service. */
export interface ServiceRequest {
  /** Takes the body; undefined when there is none. */
  readonly body: Writable | undefined;
  endBody(trailers: readonly Field[]): void;
  /** Rejects when the service breaks off before it answers. */
  readonly answer: Promise<ServiceAnswer>;
  /** Gives the request up. */
  abort(): void;
}
