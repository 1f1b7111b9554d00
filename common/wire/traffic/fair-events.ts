/** What waits to be told, of one key. */
interface Waiting<Event> {
  readonly order: number;
  readonly event: Event;
}

/** What one owner has told, by keys of its own choice. */
interface Owned<Event> {
  readonly queues: Map<string, Waiting<Event>[]>;
  size: number;
}

/** Whose share an event is charged to. */
export interface Charge {
  /** Who tells of it, which is proven. */
  readonly owner: string;
  /** What the owner says that it is about. */
  readonly key: string;
}

/**
 * Events until they are told, as many as there is room for, in equal shares: first of the owners, then of each owner's keys.
 * One with few events loses none to one with many, one that is alone has all the room, and keys that an owner makes up
 * take only of its own share.
 *
 *     busy  ||||||||||||||||  ->  ||||||||     what is left out is counted
 *     quiet ||                ->  ||
 */
export class FairEvents<Event> {
  readonly #capacity: number;
  readonly #owners = new Map<string, Owned<Event>>();
  #size = 0;
  #order = 0;
  #dropped = 0;

  /** @param capacity events that wait at most */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Events that wait. */
  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#dropped === 0;
  }

  add({ owner, key }: Charge, event: Event): void {
    const own = this.#owners.get(owner) ?? { queues: new Map<string, Waiting<Event>[]>(), size: 0 };
    const queue = own.queues.get(key) ?? [];
    if (this.#size >= this.#capacity) {
      this.#dropped += 1;
      if (!this.#makeRoom(own, queue.length)) return;
    }
    this.#order += 1;
    queue.push({ order: this.#order, event });
    own.queues.set(key, queue);
    own.size += 1;
    this.#owners.set(owner, own);
    this.#size += 1;
  }

  /** Events that were left out elsewhere. */
  drop(count: number): void {
    this.#dropped += count;
  }

  /**
   * At most so many of them, in the order in which they came, and how many were left out: those that have no room now
   * are, too.
   */
  take(most: number): { readonly events: Event[]; readonly dropped: number } {
    const taken = inShares([...this.#owners.values()], ({ size }) => size, most).flatMap(
      ([{ queues }, share]) =>
        inShares([...queues.values()], ({ length }) => length, share).flatMap(([queue, room]) =>
          queue.slice(0, room),
        ),
    );
    const events = taken.toSorted((a, b) => a.order - b.order).map(({ event }) => event);
    const dropped = this.#dropped + this.#size - events.length;
    this.clear();
    return { events, dropped };
  }

  clear(): void {
    this.#owners.clear();
    this.#size = 0;
    this.#dropped = 0;
  }

  /** Takes one away from who has the most; false where that is the one that wants to add. */
  #makeRoom(own: Owned<Event>, ownLength: number): boolean {
    const largest = longest(this.#owners.values(), ({ size }) => size) ?? own;
    const isOther = largest.size > own.size + 1;
    const victim = isOther ? largest : own;
    const [key, queue] = longest(victim.queues, ([, { length }]) => length) ?? [];
    if (key === undefined || queue === undefined) return false;
    if (!isOther && queue.length <= ownLength + 1) return false;
    queue.pop();
    if (queue.length === 0) victim.queues.delete(key);
    victim.size -= 1;
    this.#size -= 1;
    return true;
  }
}

/** How much of the room each has: the smallest first, so that what it leaves of its share is for the others. */
function inShares<One>(
  all: readonly One[],
  sizeOf: (one: One) => number,
  most: number,
): [One, number][] {
  let left = most;
  return all
    .toSorted((a, b) => sizeOf(a) - sizeOf(b))
    .map((one, at) => {
      const share = Math.min(sizeOf(one), Math.ceil(left / (all.length - at)));
      left -= share;
      return [one, share];
    });
}

function longest<One>(all: Iterable<One>, sizeOf: (one: One) => number): One | undefined {
  let found: One | undefined;
  for (const one of all) if (found === undefined || sizeOf(one) > sizeOf(found)) found = one;
  return found;
}
