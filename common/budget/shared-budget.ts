/** Why something is not handed out. */
export type BudgetDenial =
  | 'used-up' // Everything is in use.
  | 'share-used-up'; // The holder has its share of it.

/** What any holder may have: a caller needs a tunnel, and a stream or two in it. */
export const A_FEW = 4;

/** A tenth is for those who have no more than a few. It outlasts many greedy ones, who halve the rest. */
const SET_ASIDE_FRACTION = 1 / 10;
const MIN_SET_ASIDE = 2 * A_FEW;

/** A holder's fraction of what the others leave of a capacity, less what is for those with few. */
export function fractionOfRest(capacity: number, others: number, fraction: number): number {
  const tenth = Math.floor(capacity * SET_ASIDE_FRACTION);
  const setAside = Math.min(Math.max(tenth, MIN_SET_ASIDE), capacity / 2);
  return Math.floor(fraction * (Math.max(capacity - others, 0) - setAside));
}

/**
 * A number of things of one kind that holders take out and give back, and that none of them can use up: a
 * holder has at most its fraction of what the others leave.
 *
 *     |-- capacity ----------------------------------------------------|
 *     |-- first: half --|-- second: a quarter --|-- ... --|-- a tenth --|  for holders with few
 *
 * Counting is exact, and costs an entry of a map for each holder.
 */
export class SharedBudget {
  readonly #held = new Map<string, number>();
  #capacity: number;
  #used = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get used(): number {
    return this.#used;
  }

  /** Changes how much there is; what was handed out stays out. */
  resize(capacity: number): void {
    this.#capacity = capacity;
  }

  heldBy(holder: string): number {
    return this.#held.get(holder) ?? 0;
  }

  /** The most that the holder may have as things are, what it has included. */
  mostFor({ holder, fraction }: BudgetShare): number {
    const others = this.#used - this.heldBy(holder);
    const left = Math.max(this.#capacity - others, 0);
    // What carries the connections of others is bounded by them.
    if (fraction === 1) return left;
    return Math.max(fractionOfRest(this.#capacity, others, fraction), Math.min(A_FEW, left));
  }

  /** Takes one: give it back once. Returns why not when there is none. */
  take(share: BudgetShare): BudgetDenial | undefined {
    if (this.#used >= this.#capacity) return 'used-up';
    const { holder } = share;
    const held = this.heldBy(holder);
    if (held >= this.mostFor(share)) return 'share-used-up';
    this.#held.set(holder, held + 1);
    this.#used += 1;
    return undefined;
  }

  /** Gives one back. */
  give({ holder }: BudgetShare): void {
    const held = this.#held.get(holder) ?? 0;
    if (held === 0) return;
    this.#used -= 1;
    if (held === 1) this.#held.delete(holder);
    else this.#held.set(holder, held - 1);
  }
}

/** Who something is charged to, and what fraction of what the others leave that holder may have. */
export interface BudgetShare {
  readonly holder: string;
  readonly fraction: number;
}

/**
 * Connections of the application of this sidecar, both ends of them where the other is in plaintext too.
 * It is trusted; but a quarter stays for tunnels, and for its callers.
 */
export const APPLICATION_SHARE: BudgetShare = { holder: 'application', fraction: 3 / 4 };

/** Clients of a gateway: each may need as much again on the way to a server outside; services are in tunnels. */
export const CLIENTS_SHARE: BudgetShare = { holder: 'clients', fraction: 1 / 2 };

/** Incoming plaintext, where it is allowed: both ends of it. */
export const PLAINTEXT_SHARE: BudgetShare = { holder: 'plaintext', fraction: 1 / 2 };

/**
 * Handshakes under way, whose clients are not authenticated yet. They end within seconds, one way or
 * other.
 */
export const HANDSHAKES_SHARE: BudgetShare = { holder: 'handshakes', fraction: 1 / 4 };

/** Tunnels that we dial: they carry what others were charged for. */
export const TUNNELS_SHARE: BudgetShare = { holder: 'tunnels', fraction: 1 };

/** A proven identity, wherever it comes from. It begins with spiffe://, unlike the others. */
export function peerShare(identity: string): BudgetShare {
  return { holder: identity, fraction: 1 / 2 };
}
