import type { HeaderField } from './static-table.ts';

/** What an entry costs beside its bytes (RFC 7541 section 4.1). */
const ENTRY_OVERHEAD_BYTES = 32;

/** The size of a header field, as HPACK and SETTINGS_MAX_HEADER_LIST_SIZE count it. */
export function fieldSize([name, value]: HeaderField): number {
  return name.length + value.length + ENTRY_OVERHEAD_BYTES;
}

/** The dynamic table of a decoder: first in, first out, bounded by size (RFC 7541 section 2.3.2). */
export class DynamicTable {
  /** The newest entry is the last, so that inserting does not move the others. */
  #entries: HeaderField[] = [];
  /** How many at the beginning are evicted already. */
  #evicted = 0;
  #sizeBytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#entries.length - this.#evicted;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The entry at an index that counts from 0 at the newest; undefined when there is none. */
  at(index: number): HeaderField | undefined {
    return index < this.length ? this.#entries[this.#entries.length - 1 - index] : undefined;
  }

  /** Inserts an entry; one that is larger than the table empties it (RFC 7541 section 4.4). */
  insert(field: HeaderField): void {
    const size = fieldSize(field);
    this.#evictTo(this.#maxBytes - size);
    if (size > this.#maxBytes) return;
    this.#entries.push(field);
    this.#sizeBytes += size;
  }

  /** Changes the bound, and evicts what is beyond it (RFC 7541 section 4.3). */
  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evictTo(maxBytes);
  }

  #evictTo(sizeBytes: number): void {
    while (this.length > 0 && this.#sizeBytes > sizeBytes) {
      const oldest = this.#entries[this.#evicted];
      if (oldest !== undefined) this.#sizeBytes -= fieldSize(oldest);
      this.#evicted += 1;
    }
    // Taken out in one go once they are the larger part, so that eviction costs nothing on average.
    if (this.#evicted * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#evicted);
      this.#evicted = 0;
    }
  }
}
