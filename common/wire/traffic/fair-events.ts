/** What waits to be told, of one key. */
interface Waiting<Event> {
  readonly order: number;
  readonly event: Event;
}

/**
 * Events of many keys until they are told, as many as there is room for, in equal shares: a key with few events loses none
 * to one with many, and one that is alone has all the room.
 *
 *     busy  ||||||||||||||||  ->  ||||||||     what is left out is counted
 *     quiet ||                ->  ||
 */
export class FairEvents<Event> {
  readonly #capacity: number;
  readonly #waiting = new Map<string, Waiting<Event>[]>();
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

  add(key: string, event: Event): void {
    const own = this.#waiting.get(key) ?? [];
    if (this.#size >= this.#capacity) {
      const longest = this.#longest();
      this.#dropped += 1;
      // Its own are the most, or as many: the new one is the one too many.
      if (longest === undefined || longest.length <= own.length + 1) return;
      longest.pop();
      this.#size -= 1;
    }
    this.#order += 1;
    own.push({ order: this.#order, event });
    this.#waiting.set(key, own);
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
    const queues = [...this.#waiting.values()].toSorted((a, b) => a.length - b.length);
    const taken: Waiting<Event>[] = [];
    // The shortest first, so that what it leaves of its share is for the others.
    for (const [at, queue] of queues.entries()) {
      const share = Math.ceil((most - taken.length) / (queues.length - at));
      taken.push(...queue.slice(0, share));
    }
    const events = taken.toSorted((a, b) => a.order - b.order).map(({ event }) => event);
    const dropped = this.#dropped + this.#size - events.length;
    this.clear();
    return { events, dropped };
  }

  clear(): void {
    this.#waiting.clear();
    this.#size = 0;
    this.#dropped = 0;
  }

  #longest(): Waiting<Event>[] | undefined {
    let longest: Waiting<Event>[] | undefined;
    for (const queue of this.#waiting.values()) {
      if (longest === undefined || queue.length > longest.length) longest = queue;
    }
    return longest;
  }
}
