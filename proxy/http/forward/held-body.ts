/** A body of this size is sent again where that is safe; of a larger one too much would have to be kept. */
const MAX_HELD_BYTES = 16 * 1024;

/** What all requests of the process may hold together, so that many slow services do not cost memory without end. */
const MAX_ALL_HELD_BYTES = 16 * 1024 * 1024;

/** Small pieces are gathered in memory of up to this. */
const BLOCK_BYTES = 16 * 1024;

let allHeldBytes = 0;

/**
 * The beginning of a body, kept until it is known that it need not be sent again. Pieces are gathered: an object for
 * each of one byte would take a hundred times what is counted.
 */
export class HeldBody {
  bytes = 0;
  /** All but the last are full. */
  readonly #blocks: Buffer[] = [];
  #usedOfLast = 0;

  /** What is held, in order; the memory stays ours. */
  get chunks(): Buffer[] {
    const last = this.#blocks.length - 1;
    return this.#blocks.map((block, at) =>
      at < last ? block : block.subarray(0, this.#usedOfLast),
    );
  }

  /** Keeps a copy, whatever its size: there is no connection yet that could take it. */
  keep(chunk: Buffer): void {
    const copied = this.#fillLast(chunk);
    const left = chunk.length - copied;
    if (left > 0) {
      // The first is nearly always the only one; what follows doubles.
      const block = Buffer.allocUnsafe(Math.max(left, Math.min(BLOCK_BYTES, this.bytes)));
      this.#usedOfLast = chunk.copy(block, 0, copied);
      this.#blocks.push(block);
    }
    this.bytes += chunk.length;
    allHeldBytes += chunk.length;
  }

  /** @returns how much found room */
  #fillLast(chunk: Buffer): number {
    const last = this.#blocks.at(-1);
    if (last === undefined) return 0;
    const copied = chunk.copy(last, this.#usedOfLast);
    this.#usedOfLast += copied;
    return copied;
  }

  /** Keeps a copy, if all of the body so far may be kept. */
  tryToKeep(chunk: Buffer): boolean {
    const fits = this.bytes + chunk.length <= MAX_HELD_BYTES;
    if (!fits || allHeldBytes + chunk.length > MAX_ALL_HELD_BYTES) return false;
    this.keep(chunk);
    return true;
  }

  /** True while what is held is little enough to go on holding it. */
  get isSmall(): boolean {
    return this.bytes <= MAX_HELD_BYTES && allHeldBytes <= MAX_ALL_HELD_BYTES;
  }

  release(): void {
    allHeldBytes -= this.bytes;
    this.bytes = 0;
    this.#blocks.length = 0;
  }
}
