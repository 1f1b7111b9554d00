import type { BudgetShare } from '../../../common/budget/shared-budget.ts';
import type { ServerExchange } from '../exchange.ts';
import type { PlaceWaiter, UpstreamConnection } from '../upstream/place.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { FailedTry, ForwardRoute, ForwardTarget } from './forward-route.ts';
import type { Refusal } from './refusal.ts';
import type { RequestBody } from './request-body.ts';
import { Try, type TryOwner } from './try.ts';

/** What hears of a request's tries. */
export interface TriesOwner extends TryOwner {
  /** The first service has got all of the body that there will be. */
  bodyPassedOn(): void;
  /** No service is asked any more: it ends with an answer of ours. */
  giveUp(why: Refusal): void;
}

/** What tries are made of. */
export interface TriesOptions {
  readonly owner: TriesOwner;
  readonly exchange: ServerExchange;
  readonly route: ForwardRoute;
  readonly body: RequestBody;
  /** For pauses before a retry. */
  readonly after: (delayMs: number, callback: () => void) => void;
}

/**
 * The requests to services that are made of one request of a client: one after another, as its route says, until one is
 * answered or the route has had enough.
 *
 *     next -> waits for a connection -> try -> answer that is passed on
 *      ^              │ none             │ broken off, late, or an answer to try again after
 *      └──────────────┴──── afterTry ────┘
 */
export class Tries implements PlaceWaiter {
  /** Requests that were sent. */
  count = 0;
  /** Who was asked last. */
  peer: string | undefined;
  readonly #options: TriesOptions;
  /** Where a connection is waited for. */
  #upstream: Upstream | undefined;
  #target: ForwardTarget | undefined;
  #current: Try | undefined;
  #isStopped = false;

  constructor(options: TriesOptions) {
    this.#options = options;
  }

  /** What is under way; undefined while a connection is waited for, and when all is over. */
  get current(): Try | undefined {
    return this.#current;
  }

  /** The one under way that still takes something. */
  get open(): Try | undefined {
    return this.#current?.isOpen === true ? this.#current : undefined;
  }

  /** True while `cancel` ends something: a request that a service has not done with, or the wait for a connection. */
  get isUnderWay(): boolean {
    return this.#upstream !== undefined || this.open !== undefined;
  }

  /** Asks the first service, or the next one. */
  next(): void {
    if (this.#isStopped) return;
    const { route, owner } = this.#options;
    const target = route.next();
    if ('reason' in target) return owner.giveUp(target);
    this.#target = target;
    this.#place(target);
  }

  /** Judges what became of the last one: another one, or a refusal. */
  after(failed: FailedTry): void {
    if (this.#isStopped) return;
    const { route, owner, body, after } = this.#options;
    const next = route.afterTry(failed, body.isRepeatable);
    if (next.kind === 'refuse') return owner.giveUp(next.refusal);
    if (next.afterMs === 0) this.next();
    else after(next.afterMs, () => this.next());
  }

  /** Ends the one under way, or the wait for a connection. */
  cancel(): void {
    this.#upstream?.cancel(this);
    this.#upstream = undefined;
    this.drop();
  }

  /** Ends the one under way. */
  drop(): void {
    const current = this.#current;
    this.#current = undefined;
    current?.reset();
  }

  /** There will be no further one, also after a pause. */
  stop(): void {
    this.#isStopped = true;
  }

  // What the pool of connections asks and tells.

  get share(): BudgetShare | undefined {
    return this.#target?.share;
  }

  placed(connection: UpstreamConnection): void {
    const target = this.#target;
    this.#upstream = undefined;
    if (target === undefined || this.#isStopped) return connection.decline();
    this.peer = connection.peer;
    const { owner, exchange, route, body } = this.#options;
    const current = new Try(owner, connection);
    // It has ended in this very moment.
    if (!current.send(target.head, exchange.isWhole)) return this.#place(target);
    this.count += 1;
    this.#current = current;
    if (exchange.isWhole || exchange.request.upgrade !== undefined) return;
    body.sendTo(current, route.keepsBody);
    if (body.hasEnded && this.count === 1) owner.bodyPassedOn();
  }

  failed(error: unknown): void {
    this.#upstream = undefined;
    this.after({ kind: 'unsent', error });
  }

  #place(target: ForwardTarget): void {
    this.#upstream = target.upstream;
    const connection = target.upstream.place(this);
    if (connection !== undefined) this.placed(connection);
  }
}
