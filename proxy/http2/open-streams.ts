import type { Http2Stream } from './stream.ts';

const FIRST_SLOTS = 16;

/**
 * The open streams of a connection, by id: a table with open addressing, at most half full.
 *
 * Not a Map: one that is filled and emptied with each request is made new all the time, and V8 has each refer to the next:
 * as soon as one of them is old, all later ones grow old with it, and the requests in them (`DeadlineQueue`).
 */
export class OpenStreams {
  #slots: (Http2Stream | undefined)[] = Array.from({ length: FIRST_SLOTS });
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds one that is not in it. */
  add(stream: Http2Stream): void {
    if (2 * (this.#size + 1) > this.#slots.length) this.#grow();
    this.#slots[this.#find(stream.id)] = stream;
    this.#size += 1;
  }

  get(id: number): Http2Stream | undefined {
    return this.#slots[this.#find(id)];
  }

  /** In the order of their ids. */
  all(): Http2Stream[] {
    return this.#slots
      .filter((one) => one !== undefined)
      .toSorted((one, other) => one.id - other.id);
  }

  delete(id: number): void {
    const slots = this.#slots;
    let free = this.#find(id);
    if (slots[free] === undefined) return;
    this.#size -= 1;
    // What had to go further than to the free slot moves up, so that it is found without it.
    for (let at = this.#next(free); ; at = this.#next(at)) {
      const stream = slots[at];
      if (stream === undefined) break;
      if (this.#distance(stream.id, at) < this.#between(free, at)) continue;
      slots[free] = stream;
      free = at;
    }
    slots[free] = undefined;
  }

  /** Where the stream is, or where it would be added. */
  #find(id: number): number {
    const slots = this.#slots;
    let at = this.#home(id);
    for (;;) {
      const stream = slots[at];
      if (stream === undefined || stream.id === id) return at;
      at = this.#next(at);
    }
  }

  /** One side's ids are all odd or all even. */
  #home(id: number): number {
    return (id >>> 1) & (this.#slots.length - 1);
  }

  #next(at: number): number {
    return (at + 1) & (this.#slots.length - 1);
  }

  #distance(id: number, at: number): number {
    return this.#between(this.#home(id), at);
  }

  #between(from: number, to: number): number {
    return (to - from) & (this.#slots.length - 1);
  }

  #grow(): void {
    const streams = this.all();
    this.#slots = Array.from({ length: 2 * this.#slots.length });
    for (const stream of streams) this.#slots[this.#find(stream.id)] = stream;
  }
}
