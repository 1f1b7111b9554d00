import type { MonotonicMs } from '../../../common/clock.ts';
import type { StreamClose } from '../../stream/byte-stream.ts';
import type { BodyReceiver, ExchangeFailure, ServerExchange } from '../exchange.ts';
import { responseTrailers } from '../fields/trailers.ts';
import type { Field, ResponseHead } from '../message.ts';
import type { Upstream, UpstreamConnection } from '../upstream/upstream.ts';
import type { DeadlineQueue, Deadlines, Expiring } from './deadlines.ts';
import type { ForwardLimits } from './forward-limits.ts';
import type { FailedTry, ForwardRoute, ForwardTarget } from './forward-route.ts';
import { answerOwn, breakOff, passesResetOn, refusalAnswer, type OwnAnswer } from './own-answer.ts';
import { refusal, type Refusal, serviceBrokeOff } from './refusal.ts';
import { RequestBody } from './request-body.ts';
import { Try, type TryOwner } from './try.ts';

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
 *     answer before the body   -> the body goes on, as long as the service reads it and in `requestMs`
 *     101                      -> both directions go on as bytes
 */
export class ForwardedRequest implements BodyReceiver, TryOwner, Expiring {
  readonly exchange: ServerExchange;
  readonly limits: ForwardLimits;
  readonly startedMs: MonotonicMs;
  /** When the answer began; undefined before. */
  respondedMs: MonotonicMs | undefined;
  sinceMs: MonotonicMs;
  queuePlace = -1;
  /** Of the answer that the client got, or would have got; 0 when it gave up before. */
  status = 0;
  /** What came after the answer. */
  trailers: readonly Field[] | undefined;
  /** Why it was not answered by a service, or not to the end. */
  refusal: Refusal | undefined;
  /** True when the client went away, or took its request back. */
  isGivenUp = false;
  /** True when a service's answer was broken off in its middle. */
  isCutShort = false;
  responseBytes = 0;
  tries = 0;
  /** Who was asked last. */
  peer: string | undefined;
  readonly #dependencies: ForwardDependencies;
  #route: ForwardRoute | undefined;
  #upstream: Upstream | undefined;
  readonly #body: RequestBody;
  #target: ForwardTarget | undefined;
  #try: Try | undefined;
  /** Of the answer's body, what the client's connection has sent. */
  #takenBytes = 0;
  #responseEnded = false;
  #isOver = false;
  /** Whatever moves puts the deadline off. */
  #isIdleWatched = false;
  #queue: DeadlineQueue | undefined;

  constructor(exchange: ServerExchange, limits: ForwardLimits, dependencies: ForwardDependencies) {
    this.exchange = exchange;
    this.limits = limits;
    this.#dependencies = dependencies;
    this.startedMs = dependencies.deadlines.nowMs();
    this.sinceMs = this.startedMs;
    this.#body = new RequestBody(exchange);
  }

  /** Forwards it, unless its client has gone meanwhile. Call this, `refuse` or `answer`, once. */
  forward(route: ForwardRoute): void {
    const { exchange, limits } = this;
    this.#route = route;
    exchange.attach(this);
    if (exchange.isClosed) return exchange.start();
    if (!this.#isUpgrade && (exchange.request.contentLength ?? 0) > limits.bodyBytes) {
      this.#refuse(refusal('body-too-large'));
    } else {
      this.#wait(this.#isSent ? limits.responseMs : limits.requestMs);
      this.#next();
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
    this.#cancel();
    this.#after({ kind: 'late' });
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
    const current = this.#try?.isOpen === true ? this.#try : undefined;
    if (this.#hasBegun) {
      this.#moved();
      if (current !== undefined) return current.writeBody(chunk, more, isOwned);
      // It is of no use any more: an answer of ours has been given, or the service is gone.
      this.#body.giveBack();
      return true;
    }
    if (this.#isUpgrade) {
      // What is sent before the service has agreed is not yet for it: it could be taken for a request.
      this.#body.hold(chunk);
      return false;
    }
    if (this.#body.receivedBytes > this.limits.bodyBytes) {
      this.#refuse(refusal('body-too-large'));
      return false;
    }
    if (current === undefined) {
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
    const current = this.#try;
    if (current?.isOpen !== true) return;
    this.#body.endAt(current);
    if (!this.#hasBegun) this.#wait(this.limits.responseMs);
  }

  written(bytes: number): void {
    this.#moved();
    this.#takenBytes += bytes;
    this.#try?.consumed(bytes);
  }

  spare(bytes: number): void {
    this.#try?.holdSpare(bytes);
  }

  closed(how: StreamClose): void {
    if (this.#isOver) return;
    const isBroken = how !== 'ended' && how !== 'unread';
    // Where only the rest of its own body is missing, the client has its answer.
    if (!this.#responseEnded || (isBroken && this.#body.hasEnded)) {
      this.isGivenUp = this.refusal === undefined;
    }
    this.#over();
  }

  #giveUp(): void {
    this.isGivenUp = true;
    this.exchange.reset();
    this.#over();
  }

  #next(): void {
    const route = this.#route;
    if (route === undefined || this.#isOver) return;
    const target = route.next();
    if ('reason' in target) return this.#refuse(target);
    this.#target = target;
    this.#upstream = target.upstream;
    const connection = target.upstream.place(this);
    if (connection !== undefined) this.placed(connection);
  }

  placed(connection: UpstreamConnection): void {
    const target = this.#target;
    this.#upstream = undefined;
    if (target === undefined || this.#isOver) return;
    this.peer = connection.peer;
    const current = new Try(this, connection);
    if (!current.send(target.head, this.exchange.isWhole)) {
      // It has ended in this very moment.
      this.#upstream = target.upstream;
      const other = target.upstream.place(this);
      if (other !== undefined) this.placed(other);
      return;
    }
    this.tries += 1;
    this.#try = current;
    if (this.exchange.isWhole || this.#isUpgrade) return;
    this.#body.sendTo(current, this.#route?.keepsBody === true);
    if (this.#body.hasEnded && this.tries === 1) this.#wait(this.limits.responseMs);
  }

  failed(error: unknown): void {
    this.#upstream = undefined;
    this.#after({ kind: 'unsent', error });
  }

  #after(failed: FailedTry): void {
    const route = this.#route;
    if (route === undefined || this.#isOver) return;
    const after = route.afterTry(failed, this.#body.isRepeatable);
    if (after.kind === 'refuse') return this.#refuse(after.refusal);
    if (after.afterMs === 0) this.#next();
    else this.#dependencies.after(after.afterMs, () => this.#next());
  }

  // What the service says, by the try that is current.

  informed(head: ResponseHead): void {
    if (head.status === 100) this.#body.isAskedFor = true;
    this.exchange.inform(head);
  }

  responded(head: ResponseHead, isWhole: boolean): void {
    const passed = this.#route?.passes(head, this.#body.isRepeatable);
    if (passed === undefined) {
      this.#dropTry();
      return this.#after({ kind: 'answered', head });
    }
    this.status = head.status;
    this.#begin();
    this.#responseEnded = isWhole;
    this.exchange.respond(passed, isWhole);
    if (this.#isOver) return;
    // What came before the service has agreed is for it alone.
    if (this.#isUpgrade && head.status === 101 && this.#try !== undefined) {
      this.#body.sendTo(this.#try, false);
    } else if (this.#isUpgrade) this.#body.giveBack();
    this.#body.forget();
    if (isWhole) this.#completed();
  }

  received(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    this.responseBytes += chunk.length;
    this.#moved();
    return this.exchange.write(chunk, more, isOwned);
  }

  ended(trailers?: readonly Field[]): void {
    this.#responseEnded = true;
    this.trailers = trailers;
    this.exchange.end(trailers && responseTrailers(trailers));
    this.#completed();
  }

  sent(bytes: number): void {
    if (this.#hasBegun) this.#moved();
    this.#body.sent(bytes);
  }

  heldSpare(bytes: number): void {
    this.exchange.holdSpare(bytes);
  }

  broke(failure: ExchangeFailure | undefined, how: StreamClose): void {
    const brokenBy = this.#try?.connection.brokenBy;
    if (this.#isOver) return;
    if (this.#responseEnded) {
      this.#body.giveBack();
      // What is still to come of the body is of no use.
      if (!this.#body.hasEnded) this.exchange.close();
      return;
    }
    const broken = failure ?? { kind: 'lost' as const, sentence: `it was closed (${how})` };
    if (this.#hasBegun) this.#refuse(serviceBrokeOff(broken, brokenBy));
    else this.#after({ kind: 'failed', failure: broken, brokenBy });
  }

  /** The answer is complete; the request need not be. */
  #completed(): void {
    if (this.#isOver || this.#body.hasEnded || this.status === 101) return;
    this.#isIdleWatched = false;
    if (this.#body.isHeldBack) {
      this.#dropTry();
      return this.exchange.close();
    }
    this.#wait(this.limits.requestMs);
  }

  #refuse(why: Refusal): void {
    if (this.#isOver) return;
    this.refusal = why;
    this.#dependencies.refused?.(this, why);
    this.#cancel();
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
  }

  #begin(): void {
    this.respondedMs = this.#dependencies.deadlines.nowMs();
    this.#wait(this.limits.idleMs);
    this.#isIdleWatched = true;
  }

  expired(): void {
    this.#queue = undefined;
    const isAnswered = this.#responseEnded && this.refusal === undefined && this.status !== 101;
    if (isAnswered && !this.#body.hasEnded) {
      // The answer is there; the rest of the body is not waited for any longer.
      this.exchange.reset();
      return this.#over();
    }
    if (this.#hasBegun) return this.#refuse(refusal('stream-idle'));
    const isWaiting = this.#isSent || this.#body.isWaiting;
    this.#refuse(refusal(isWaiting ? 'service-late' : 'too-late'));
  }

  #moved(): void {
    if (this.#isIdleWatched) this.sinceMs = this.#dependencies.deadlines.nowMs();
  }

  #wait(lengthMs: number): void {
    this.#queue?.delete(this);
    this.#queue = this.#dependencies.deadlines.of(lengthMs);
    this.#queue?.add(this);
  }

  #dropTry(): void {
    const current = this.#try;
    this.#try = undefined;
    current?.reset();
  }

  #cancel(): void {
    this.#upstream?.cancel(this);
    this.#upstream = undefined;
    this.#dropTry();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue?.delete(this);
    if (this.#responseEnded && this.#body.hasEnded) {
      // The service's request ends by itself. What the client did not take is out of memory.
      this.#try?.consumed(this.responseBytes - this.#takenBytes);
    } else this.#cancel();
    this.#body.forget();
    this.#body.giveBack();
    this.#dependencies.done(this);
  }
}
