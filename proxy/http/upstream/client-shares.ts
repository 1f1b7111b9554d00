import { A_FEW, fractionOfRest, type BudgetShare } from '../../../common/budget/shared-budget.ts';
import type { ClientAccount, PlaceWaiter } from './place.ts';

/** Requests of all clients that wait for their share at a time. Each has its fields in memory. */
const MAX_QUEUED = 4_096;

/**
 * Accounts of so many clients stay though they hold nothing: they will hold something again with the next request, and
 * a Map that is filled and emptied with each one makes old what is young (`DeadlineQueue`).
 */
const KEPT_ACCOUNTS = 256;

/** Why a request cannot even wait: its client has its part of those that do, or all of them are there. */
export type QueueDenial = 'client-limit' | 'too-many-requests';

/**
 * The places at an upstream, dealt out among clients as `SharedBudget` does it: a client has at most its fraction of
 * what the others leave, and a few in any case. What is beyond that waits until others need less or its own requests
 * end; who has least comes first. So a client whose requests do not end keeps no other one out.
 */
export class ClientShares {
  readonly #accounts = new Map<string, ClientAccount>();
  /** Those of which requests wait: who began to wait first comes first, and who was served goes behind the others. */
  readonly #waiting = new Set<ClientAccount>();
  readonly #isExact: boolean;
  #capacity: number;
  #used = 0;
  #queued = 0;

  /** @param isExact false where clients with few may have theirs beyond the capacity too */
  constructor(capacity: number, isExact: boolean) {
    this.#capacity = capacity;
    this.#isExact = isExact;
  }

  /** Changes how many places there are; those that were handed out stay out. True when there are more now. */
  resize(capacity: number): boolean {
    const isMore = capacity > this.#capacity;
    this.#capacity = capacity;
    return isMore;
  }

  /** Takes a place: `give` it back once. Undefined when the client has its share, or others of its requests wait. */
  take(share: BudgetShare): ClientAccount | undefined {
    const account = this.#accountOf(share);
    if (account.queued.size > 0 || !this.#mayTake(account)) return undefined;
    return this.#take(account);
  }

  /** Gives a place back. */
  give(account: ClientAccount): void {
    account.held -= 1;
    this.#used -= 1;
    this.#forgetUnused(account);
  }

  /** Has a request wait for its client's share, until it is `next` or forgotten; or says why it may not. */
  queue(waiter: PlaceWaiter, share: BudgetShare): QueueDenial | undefined {
    const account = this.#accountOf(share);
    const own = account.queued.size;
    const left = MAX_QUEUED - this.#queued + own;
    const isAlone = share.fraction === 1;
    const most = isAlone
      ? left
      : Math.max(
          fractionOfRest(MAX_QUEUED, this.#queued - own, share.fraction),
          Math.min(A_FEW, left),
        );
    if (own >= most) {
      this.#forgetUnused(account);
      return own === 0 || isAlone ? 'too-many-requests' : 'client-limit';
    }
    account.queued.add(waiter);
    this.#waiting.add(account);
    this.#queued += 1;
    return undefined;
  }

  /** A request waits no more, if it does. */
  forget(waiter: PlaceWaiter, { holder }: BudgetShare): void {
    const account = this.#accounts.get(holder);
    if (account !== undefined && account.queued.has(waiter)) this.#unqueue(account, waiter);
  }

  /** The request whose turn it is, with a place that was taken for it; undefined when there is none. */
  next(): { readonly waiter: PlaceWaiter; readonly account: ClientAccount } | undefined {
    // Most often.
    if (this.#queued === 0) return undefined;
    let least: ClientAccount | undefined;
    for (const account of this.#waiting) {
      const isLess = least === undefined || account.held < least.held;
      if (isLess && this.#mayTake(account)) least = account;
    }
    const [waiter] = least?.queued ?? [];
    if (least === undefined || waiter === undefined) return undefined;
    const account = this.#take(least);
    this.#unqueue(account, waiter);
    // Those with as few are before it the next time: a client that always has another request waiting stays in front of none.
    if (this.#waiting.delete(account)) this.#waiting.add(account);
    return { waiter, account };
  }

  #mayTake({ held, fraction }: ClientAccount): boolean {
    // Most often, and however little is left.
    if (!this.#isExact && held < A_FEW) return true;
    const others = this.#used - held;
    const left = this.#capacity - others;
    if (this.#isExact && held < Math.min(left, this.#fewest)) return true;
    return held < (fraction === 1 ? left : fractionOfRest(this.#capacity, others, fraction));
  }

  /** What any client may have where that counts too: a few, and not all that there is. */
  get #fewest(): number {
    return Math.min(A_FEW, Math.max(Math.floor(this.#capacity / 2), 1));
  }

  #take(account: ClientAccount): ClientAccount {
    account.held += 1;
    this.#used += 1;
    return account;
  }

  #unqueue(account: ClientAccount, waiter: PlaceWaiter): void {
    account.queued.delete(waiter);
    if (account.queued.size === 0) this.#waiting.delete(account);
    this.#queued -= 1;
    this.#forgetUnused(account);
  }

  #accountOf({ holder, fraction }: BudgetShare): ClientAccount {
    const known = this.#accounts.get(holder);
    if (known !== undefined) {
      known.fraction = fraction;
      return known;
    }
    const account = { holder, fraction, held: 0, queued: new Set<PlaceWaiter>() };
    this.#accounts.set(holder, account);
    return account;
  }

  #forgetUnused({ holder, held, queued }: ClientAccount): void {
    if (held > 0 || queued.size > 0 || this.#accounts.size <= KEPT_ACCOUNTS) return;
    this.#accounts.delete(holder);
  }
}
