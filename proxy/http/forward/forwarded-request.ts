import type { MonotonicMs } from '../../../common/clock.ts';
import type { StreamClose } from '../../stream/byte-stream.ts';
import type { BodyReceiver, ExchangeFailure, ServerExchange } from '../exchange.ts';
import { responseTrailers } from '../fields/trailers.ts';
import type { Field, ResponseHead } from '../message.ts';
import type { Deadlines } from './deadlines.ts';
import type { ForwardLimits } from './forward-limits.ts';
import type { ForwardRoute } from './forward-route.ts';
import { answerOwn, breakOff, passesResetOn, refusalAnswer, type OwnAnswer } from './own-answer.ts';
import { refusal, type Refusal, serviceBrokeOff } from './refusal.ts';
import { RequestBody } from './request-body.ts';
import { type DeadlineOwner, RequestDeadline } from './request-deadline.ts';
import { Tries, type TriesOwner } from './tries.ts';

/**
 * For how long nothing may move of the rest of a body whose answer is whole, where the request is not bounded: as nginx waits for
 * one (`lingering_time`).
 */
const REST_IDLE_MS = 30_000;

/** What forwarding requests takes. */
export interface ForwardDependencies {
  readonly deadlines: Deadlines;
  /** Runs a callback later; for pauses before a retry. */
  readonly after: (delayMs: number, callback: () => void) => void;
  /** Is told, at once, why a request is not answered by a service, or not to the end. */
  readonly refused?: (request: ForwardedRequest, why: Refusal) => void;
  /** Is told once, when all is over. */
  readonly done: (request: ForwardedRequest) => void;
}

/**
 * A request of a client, from its head to the end of its answer: it is joined with requests to services, one
 * after another, until one of them is answered; or it is answered by us. Bytes go from one to the other as they come,
 * at the pace of who reads them, and each direction ends by itself.
 *
 *     client gives up          -> the service's request is reset, at once
 *     service breaks off       -> before its answer: another try where that is safe, or an answer of ours
 *                                 within it: the client's request is reset, never ended
 *     answer before the body   -> the body goes on, as long as the service reads it and in `requestMs`; after the end of the client's
 *                                 request, what the service has not read yet, as long as it moves
 *     101                      -> both directions go on as bytes
 */
export class ForwardedRequest implements BodyReceiver, TriesOwner, DeadlineOwner {
  readonly exchange: ServerExchange;
  readonly limits: ForwardLimits;
  /** When the answer began; undefined before. */
  respondedMs: MonotonicMs | undefined;
  /** Of the answer that the client got, or would have got; 0 when it gave up before. */
  status = 0;
  /** What came after the answer. */
  trailers: readonly Field[] | undefined;
  /** Why it was not answered by a service, or not to the end. */
  refusal: Refusal | undefined;
  /** True when the client went away, or took its request back. */
  isGivenUp = false;
  /**
   * True when its client ended what was under way for it, a request to a service or the wait for one: it took the request back,
   * or had us end it, by a body that is too large or does not come, or an answer that it does not take.
   */
  isTakenBack = false;
  /** True when a service's answer was broken off in its middle. */
  isCutShort = false;
  responseBytes = 0;
  readonly #dependencies: ForwardDependencies;
  readonly #deadline: RequestDeadline;
  #route: ForwardRoute | undefined;
  readonly #body: RequestBody;
  /** Undefined until it is forwarded. */
  #tries: Tries | undefined;
  /** Of the answer's body, what the client's connection has sent. */
  #takenBytes = 0;
  #responseEnded = false;
  #isOver = false;

  constructor(exchange: ServerExchange, limits: ForwardLimits, dependencies: ForwardDependencies) {
    this.exchange = exchange;
    this.limits = limits;
    this.#dependencies = dependencies;
    this.#deadline = new RequestDeadline(dependencies.deadlines, this);
    this.#body = new RequestBody(exchange);
  }

  /** Forwards it, unless its client has gone meanwhile. Call this, `refuse` or `answer`, once. */
  forward(route: ForwardRoute): void {
    const { exchange, limits } = this;
    this.#route = route;
    const { after } = this.#dependencies;
    const tries = new Tries({ owner: this, exchange, route, body: this.#body, after });
    this.#tries = tries;
    exchange.attach(this);
    if (exchange.isClosed) return exchange.start();
    if (!this.#isUpgrade && (exchange.request.contentLength ?? 0) > limits.bodyBytes) {
      this.#refuse(refusal('body-too-large'));
    } else {
      this.#deadline.wait(this.#isSent ? limits.responseMs : limits.requestMs);
      tries.next();
    }
    if (!this.#isOver) exchange.start();
  }

  /** Answers without a service, because it is refused. */
  refuse(why: Refusal): void {
    this.exchange.attach(this);
    this.#refuse(why);
    if (!this.#isOver) this.exchange.start();
  }

  /** Answers without a service. */
  answer(own: OwnAnswer): void {
    this.exchange.attach(this);
    this.#answer(own);
    if (!this.#isOver) this.exchange.start();
  }

  /** Ends it, once it is forwarded: with an answer of ours, or within that of the service with a reset. */
  giveUp(why: Refusal): void {
    this.#refuse(why);
  }

  /** Ends the try that is under way, or that waits for a connection: its route decides what comes after it. */
  giveUpTry(): void {
    if (this.#hasBegun) return this.#refuse(refusal('service-late'));
    this.#tries?.cancel();
    this.#tries?.after({ kind: 'late' });
  }

  get startedMs(): MonotonicMs {
    return this.#deadline.startedMs;
  }

  /** Requests to services that were made of it. */
  get tries(): number {
    return this.#tries?.count ?? 0;
  }

  /** Who was asked last. */
  get peer(): string | undefined {
    return this.#tries?.peer;
  }

  get requestBytes(): number {
    return this.#body.receivedBytes;
  }

  /** Nothing of the request is to come before it is answered. */
  get #isSent(): boolean {
    return this.#body.hasEnded || this.#isUpgrade;
  }

  get #isUpgrade(): boolean {
    return this.exchange.request.upgrade !== undefined;
  }

  get #hasBegun(): boolean {
    return this.respondedMs !== undefined;
  }

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    this.#body.receivedBytes += chunk.length;
    const current = this.#tries?.open;
    if (this.#hasBegun && current === undefined) {
      // It is of no use any more: an answer of ours has been given, or the service is gone.
      this.#body.giveBack();
      return true;
    }
    if (!this.#isUpgrade && this.#body.receivedBytes > this.limits.bodyBytes) {
      this.#refuseBody(refusal('body-too-large'));
      return false;
    }
    if (this.#hasBegun && current !== undefined) {
      this.#deadline.moved();
      return current.writeBody(chunk, more, isOwned);
    }
    if (current === undefined || this.#isUpgrade) {
      // What is sent before a service has agreed to an upgrade is not yet for it: it could be taken for a request.
      this.#body.hold(chunk);
      return false;
    }
    this.#body.keep(chunk, this.#route?.keepsBody === true);
    return current.writeBody(chunk, more, isOwned);
  }

  end(trailers?: readonly Field[]): void {
    if (this.#body.hasEnded) return;
    if (this.#isUpgrade && !this.#hasBegun) return this.#giveUp();
    this.#body.ended(trailers, this.#route?.identityFields);
    const current = this.#tries?.open;
    if (current === undefined) return;
    this.#body.endAt(current);
    if (!this.#hasBegun) this.#deadline.wait(this.limits.responseMs);
  }

  written(bytes: number): void {
    this.#deadline.moved();
    this.#takenBytes += bytes;
    this.#tries?.current?.consumed(bytes);
  }

  spare(bytes: number): void {
    this.#tries?.current?.holdSpare(bytes);
  }

  closed(how: StreamClose): void {
    if (this.#isOver) return;
    const isBroken = how !== 'ended' && how !== 'unread';
    // Where only the rest of its own body is missing, the client has its answer.
    if (!this.#responseEnded || (isBroken && this.#body.hasEnded)) {
      this.isGivenUp = this.refusal === undefined;
    }
    const isDone = this.#responseEnded && this.#body.hasEnded;
    if (!isDone) this.#takenBack();
    this.#over();
  }

  #giveUp(): void {
    this.isGivenUp = true;
    this.#takenBack();
    this.exchange.reset();
    this.#over();
  }

  /** Call it before that is ended. */
  #takenBack(): void {
    this.isTakenBack ||= this.#tries?.isUnderWay === true;
  }

  // What its tries tell.

  bodyPassedOn(): void {
    this.#deadline.wait(this.limits.responseMs);
  }

  // What the service says, by the try that is current.

  informed(head: ResponseHead): void {
    if (head.status === 100) this.#body.isAskedFor = true;
    this.exchange.inform(head);
  }

  responded(head: ResponseHead, isWhole: boolean): void {
    const passed = this.#route?.passes(head, this.#body.isRepeatable);
    if (passed === undefined) {
      this.#tries?.drop();
      return this.#tries?.after({ kind: 'answered', head });
    }
    this.status = head.status;
    this.#begin();
    this.#responseEnded = isWhole;
    this.exchange.respond(passed, isWhole);
    if (this.#isOver) return;
    // What came before the service has agreed is for it alone.
    const current = this.#tries?.current;
    if (this.#isUpgrade && head.status === 101 && current !== undefined) {
      this.#body.sendTo(current, false);
    } else if (this.#isUpgrade) this.#body.giveBack();
    this.#body.forget();
    if (isWhole) this.#completed();
  }

  received(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    this.responseBytes += chunk.length;
    this.#deadline.moved();
    return this.exchange.write(chunk, more, isOwned);
  }

  ended(trailers?: readonly Field[]): void {
    this.#responseEnded = true;
    this.trailers = trailers;
    this.exchange.end(trailers && responseTrailers(trailers));
    this.#completed();
  }

  sent(bytes: number): void {
    if (this.#hasBegun) this.#deadline.moved();
    this.#body.sent(bytes);
  }

  heldSpare(bytes: number): void {
    this.exchange.holdSpare(bytes);
  }

  broke(failure: ExchangeFailure | undefined, how: StreamClose): void {
    const brokenBy = this.#tries?.current?.connection.brokenBy;
    // It may have been waited for.
    if (this.#isOver) return this.#deadline.cancel();
    if (this.#responseEnded) {
      this.#body.giveBack();
      // What is still to come of the body is of no use.
      if (!this.#body.hasEnded) this.exchange.close();
      return;
    }
    const broken = failure ?? { kind: 'lost' as const, sentence: `it was closed (${how})` };
    if (this.#hasBegun) this.#refuse(serviceBrokeOff(broken, brokenBy));
    else this.#tries?.after({ kind: 'failed', failure: broken, brokenBy });
  }

  /** The answer is complete; the request need not be. */
  #completed(): void {
    if (this.#isOver || this.#body.hasEnded || this.status === 101) return;
    this.#awaitRest();
    if (!this.#body.isHeldBack) return;
    // Its service is waiting for a body that will not come: a client that says so again and again is charged for it.
    this.#takenBack();
    this.#closeRest();
  }

  /** Reads no more of the request, whose answer is whole. */
  #closeRest(): void {
    this.#tries?.drop();
    this.exchange.close();
  }

  /** What is left of the body behind a whole answer is not waited for for ever. */
  #awaitRest(): void {
    const { requestMs } = this.limits;
    if (requestMs > 0) this.#deadline.wait(requestMs);
    else this.#deadline.watchIdle(REST_IDLE_MS);
  }

  /** The body goes on for too long. An answer that is whole stays so, and only the rest is not read. */
  #refuseBody(why: Refusal): void {
    this.#takenBack();
    if (!this.#responseEnded) return this.#refuse(why);
    this.#note(why);
    this.#closeRest();
  }

  #note(why: Refusal): void {
    this.refusal = why;
    this.#dependencies.refused?.(this, why);
  }

  #refuse(why: Refusal): void {
    if (this.#isOver) return;
    this.#note(why);
    this.#tries?.stop();
    this.#tries?.cancel();
    const { answer } = why;
    if (this.#hasBegun || passesResetOn(this.exchange.request, why)) {
      this.isCutShort = this.#hasBegun && !this.#responseEnded;
      if (!this.#hasBegun) this.status = answer.status;
      const hasEnded = { request: this.#body.hasEnded, response: this.#responseEnded };
      breakOff(this.exchange, why, hasEnded);
      return this.#over();
    }
    this.#answer(refusalAnswer(this.exchange.request, answer), answer.status);
  }

  #answer(own: OwnAnswer, status = own.status): void {
    this.status = status;
    this.#begin();
    this.#responseEnded = true;
    this.#body.forget();
    this.#body.giveBack();
    this.responseBytes = own.body.length;
    answerOwn(this.exchange, own, this.#body.hasEnded);
    if (!this.#isOver && !this.#body.hasEnded) this.#awaitRest();
  }

  #begin(): void {
    this.respondedMs = this.#deadline.nowMs();
    this.#deadline.watchIdle(this.limits.idleMs);
  }

  expired(): void {
    // The service takes nothing of what it was to get.
    if (this.#isOver) return this.#tries?.cancel();
    const isAnswered = this.#responseEnded && this.status !== 101;
    if (isAnswered && !this.#body.hasEnded) {
      // The answer is there; the rest of the body is not waited for any longer.
      if (!this.#body.isWaiting) this.#takenBack();
      this.exchange.reset();
      return this.#over();
    }
    if (this.#hasBegun) {
      if (this.responseBytes > this.#takenBytes) this.#takenBack();
      return this.#refuse(refusal('stream-idle'));
    }
    const isWaiting = this.#isSent || this.#body.isWaiting;
    if (!isWaiting) this.#takenBack();
    this.#refuse(refusal(isWaiting ? 'service-late' : 'too-late'));
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline.cancel();
    this.#tries?.stop();
    if (this.#responseEnded && this.#body.hasEnded) {
      // The service's request ends by itself, once it has the body. What the client did not take is out of memory.
      this.#tries?.current?.consumed(this.responseBytes - this.#takenBytes);
      const mayWait = this.#body.receivedBytes > 0 && this.#tries?.open !== undefined;
      if (mayWait) this.#deadline.watchIdle(REST_IDLE_MS);
    } else this.#tries?.cancel();
    this.#body.forget();
    this.#body.giveBack();
    this.#dependencies.done(this);
  }
}
