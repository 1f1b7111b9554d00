import type { BudgetShare } from '../../../common/budget/shared-budget.ts';
import type { ClientExchange, ResponseReceiver } from '../exchange.ts';
import type { RequestHead } from '../message.ts';

/** Waits for a place on a connection. */
export interface PlaceWaiter {
  /** Whose place it is; undefined where all requests are on one account, which needs no shares. */
  readonly share?: BudgetShare | undefined;
  /** There is one: use it, or `decline` it, before this returns. */
  placed(connection: UpstreamConnection): void;
  /** There is none to be had. */
  failed(error: unknown): void;
}

/** One of a pool, with a place for one request. */
export interface UpstreamConnection {
  readonly peer: string;
  /** What broke it, where that is known. */
  readonly brokenBy: Error | undefined;
  /** Sends a request; undefined when the connection has just ended, and with it the place. */
  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined;
  /** Once for each request that was sent: it is over. */
  release(): void;
  /** The place is not used. */
  decline(): void;
}

/** What one client has of an upstream. */
export interface ClientAccount {
  readonly holder: string;
  fraction: number;
  /** Places that it has. */
  held: number;
  /** Its requests that wait for its share, in their order. */
  readonly queued: Set<PlaceWaiter>;
}

/** Whose places are on accounts. */
export interface PlaceLender {
  /** A place is free again. */
  giveBack(account: ClientAccount): void;
}

/** A place that is on the account of a client, until the request is over. */
export class SharedPlace implements UpstreamConnection {
  readonly #connection: UpstreamConnection;
  readonly #lender: PlaceLender;
  #account: ClientAccount | undefined;

  constructor(connection: UpstreamConnection, lender: PlaceLender, account: ClientAccount) {
    this.#connection = connection;
    this.#lender = lender;
    this.#account = account;
  }

  get peer(): string {
    return this.#connection.peer;
  }

  get brokenBy(): Error | undefined {
    return this.#connection.brokenBy;
  }

  request(
    head: RequestHead,
    isWhole: boolean,
    receiver: ResponseReceiver,
  ): ClientExchange | undefined {
    const exchange = this.#connection.request(head, isWhole, receiver);
    if (exchange === undefined) this.decline();
    return exchange;
  }

  release(): void {
    this.#connection.release();
    this.decline();
  }

  decline(): void {
    const account = this.#account;
    this.#account = undefined;
    if (account !== undefined) this.#lender.giveBack(account);
  }
}
