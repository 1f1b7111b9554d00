/**
 * Bytes of a stream that wait for its window, its turn, or its start. Most often that is the rest of one chunk. Where a
 * sender goes on all the same, they are gathered in memory that doubles, so that however small the pieces are, each
 * byte is copied a few times and none of them costs an object.
 */
export class WaitingBytes {
  #memory: Buffer | undefined;
  #from = 0;
  #to = 0;

  get length(): number {
    return this.#to - this.#from;
  }

  /** All of them, in one piece; valid until the next call. */
  get bytes(): Buffer {
    return this.#memory?.subarray(this.#from, this.#to) ?? Buffer.alloc(0);
  }

  /** @param isOwned is true when the memory of the chunk is not the caller's any more */
  append(chunk: Buffer, isOwned: boolean): void {
    if (this.length === 0) {
      this.#memory = isOwned ? chunk : Buffer.from(chunk);
      this.#from = 0;
      this.#to = chunk.length;
      return;
    }
    // What was handed over with its memory is full by its length.
    const memory = this.#memory;
    if (memory === undefined || this.#to + chunk.length > memory.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.length + chunk.length));
      this.#to = this.bytes.copy(larger);
      this.#from = 0;
      this.#memory = larger;
    }
    this.#memory?.set(chunk, this.#to);
    this.#to += chunk.length;
  }

  /** Takes so many off the front. */
  taken(bytes: number): void {
    this.#from += bytes;
  }
}
