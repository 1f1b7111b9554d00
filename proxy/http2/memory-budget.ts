import { type Holder, HoldingList } from './holding-list.ts';

/** What one owner holds. The holder whose last progress is the longest ago comes first. */
interface Account {
  totalBytes: number;
  readonly held: HoldingList;
}

/**
 * Accounts of so many owners stay though they hold nothing: who has read all will hold something again with the next
 * request, and a Map that is filled and emptied with each one makes old what is young (`DeadlineQueue`).
 */
const KEPT_ACCOUNTS = 256;

/** Of the limit: who holds less than this is not why it is reached. */
const LITTLE_FRACTION = 1 / 32;

/**
 * Bounds the bytes that wait in this process for slow readers, over all tunnels and in both
 * directions. Windows bound each stream; this bounds their sum: when it is exceeded, the owner who holds
 * the most gives up what has made no progress for the longest time, so that stalled readers can neither
 * fill the memory nor stop the others, and a holder of little never pays for a holder of much.
 */
export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #accounts = new Map<string, Account>();
  #totalBytes = 0;
  #shedCount = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** How often a holder was made to give up. */
  get shedCount(): number {
    return this.#shedCount;
  }

  /** False when windows should not grow: half of the memory is in use. */
  get isRoomy(): boolean {
    return this.#totalBytes * 2 < this.#limitBytes;
  }

  /** False when little should wait on the account of this owner: half of the memory is in use, and it holds much of that. */
  isRoomyFor(owner: string): boolean {
    if (this.isRoomy) return true;
    const heldBytes = this.#accounts.get(owner)?.totalBytes ?? 0;
    return heldBytes < this.#limitBytes * LITTLE_FRACTION;
  }

  /**
   * Sets how much a holder has now. When that is too much for all together, others have to give up,
   * or the caller itself.
   */
  set(holder: Holder, bytes: number): void {
    const before = holder.holding?.bytes ?? 0;
    if (before === bytes) return;
    const { owner = '' } = holder;
    const account = this.#accounts.get(owner) ?? this.#open(owner);
    // Less is progress: now the others have been waiting for longer. More is not.
    if (bytes < before) account.held.delete(holder);
    if (bytes > 0) account.held.set(holder, bytes);
    this.#add(owner, account, bytes - before);
    while (this.#totalBytes > this.#limitBytes) if (!this.#shedOne()) return;
  }

  #open(owner: string): Account {
    const account = { totalBytes: 0, held: new HoldingList() };
    this.#accounts.set(owner, account);
    return account;
  }

  #add(owner: string, account: Account, bytes: number): void {
    account.totalBytes += bytes;
    this.#totalBytes += bytes;
    if (account.totalBytes > 0 || this.#accounts.size <= KEPT_ACCOUNTS) return;
    this.#accounts.delete(owner);
  }

  /** False when nothing is held. */
  #shedOne(): boolean {
    let most: readonly [string, Account] | undefined;
    for (const entry of this.#accounts) {
      if (most === undefined || entry[1].totalBytes > most[1].totalBytes) most = entry;
    }
    if (most === undefined) return false;
    const [owner, account] = most;
    const { first } = account.held;
    if (first === undefined) return false;
    const { holder: victim, bytes } = first;
    account.held.delete(victim);
    this.#add(owner, account, -bytes);
    this.#shedCount += 1;
    victim.shed();
    return true;
  }
}
