import { describeError } from './errors.ts';

/** The listeners of one kind of change: what an emitter keeps, and hands out as its `onChange`. */
export class Listeners<Change extends unknown[] = []> {
  // Wrapped, so that one function that is added twice is called twice.
  readonly #entries = new Set<{ readonly call: (...change: Change) => unknown }>();

  /** How many there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** Adds one; returns the function that removes it. */
  readonly add = (call: (...change: Change) => unknown): (() => void) => {
    const entry = { call };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  };

  /** Calls all that are there now, but for those that another one removes meanwhile. Throws as `callEach`. */
  tell(...change: Change): void {
    callEach([...this.#entries], (entry) => {
      if (this.#entries.has(entry)) entry.call(...change);
    });
  }

  /** Removes all. */
  clear(): void {
    this.#entries.clear();
  }
}

/**
 * Does the same for each item, for the others too when it throws for one.
 *
 * @throws afterwards, what it threw, for the guard of the caller: as an AggregateError when that is several
 */
export function callEach<Item>(items: Iterable<Item>, call: (item: Item) => unknown): void {
  const thrown: unknown[] = [];
  for (const item of items) {
    try {
      call(item);
    } catch (error) {
      thrown.push(error);
    }
  }
  if (thrown.length === 1) throw thrown[0];
  if (thrown.length > 1) {
    const sentence = `${thrown.length} of those that were called threw, the first: `;
    throw new AggregateError(thrown, sentence + describeError(thrown[0]));
  }
}
