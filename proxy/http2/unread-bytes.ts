import type { Holder, Holding } from './holding-list.ts';
import type { MemoryBudget } from './memory-budget.ts';

/**
 * What waits for a peer is counted from here on: most connections never hold as much, and most writes are over before
 * anything could be counted.
 */
const COUNTED_FROM_BYTES = 16 * 1024;

/**
 * From then on it is counted again when it is twice as much, or so much more: a frame need not cost a look into the
 * budget, and what is counted is never less than half of what waits.
 */
const MAX_STEP_BYTES = 64 * 1024;

/** What the peer of a connection has asked for and does not read: frames on their way to it, on its account. */
export class UnreadBytes implements Holder {
  readonly owner: string;
  holding: Holding | undefined;
  readonly #budget: MemoryBudget;
  readonly #onShed: () => void;
  #countedBytes = 0;
  #isOver = false;

  /** @param onShed is called after the code that is running, when the memory is needed: the connection has to end */
  constructor(budget: MemoryBudget, owner: string, onShed: () => void) {
    this.#budget = budget;
    this.owner = owner;
    this.#onShed = onShed;
  }

  /** False when little should wait: memory is scarce, and its owner has much of it. */
  get isRoomy(): boolean {
    return this.#budget.isRoomyFor(this.owner);
  }

  /** So much waits now, which is more than before. */
  grew(bytes: number): void {
    const counted = this.#countedBytes;
    const step = counted === 0 ? COUNTED_FROM_BYTES : Math.min(counted, MAX_STEP_BYTES);
    if (bytes >= counted + step) this.#count(bytes);
  }

  /** So much waits now: a part of it has gone, which is progress. */
  shrank(bytes: number): void {
    const counted = this.#countedBytes;
    if (counted === 0) return;
    // More may be left than was counted, which the budget would not take for progress.
    if (bytes >= counted) this.#count(0);
    this.#count(bytes < COUNTED_FROM_BYTES ? 0 : bytes);
  }

  /** The connection is gone, and nothing waits any more. */
  release(): void {
    this.#count(0);
    this.#isOver = true;
  }

  /** Later: what made it grow is in the middle of its work, and that may be on this very connection. */
  shed(): void {
    this.#countedBytes = 0;
    this.#isOver = true;
    queueMicrotask(this.#onShed);
  }

  #count(bytes: number): void {
    if (this.#isOver) return;
    this.#countedBytes = bytes;
    this.#budget.set(this, bytes);
  }
}
