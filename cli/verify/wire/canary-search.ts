/** Counts texts in a stream of bytes, also where one lies across the border of two pieces. */
export class CanarySearch {
  readonly #needles: readonly { readonly bytes: Buffer; readonly found: () => void }[];
  readonly #overlap: number;
  #tail: Buffer = Buffer.alloc(0);

  /** @param found is called with the index of the needle, once for each occurrence */
  constructor(needles: readonly Buffer[], found: (needle: number) => void) {
    this.#needles = needles.map((bytes, index) => ({ bytes, found: () => found(index) }));
    this.#overlap = Math.max(...needles.map(({ length }) => length), 1) - 1;
  }

  /** Takes the next bytes. */
  push(bytes: Buffer): void {
    const window = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes]);
    for (const needle of this.#needles) {
      // What ends within the tail has been counted with the piece before.
      const begin = Math.max(this.#tail.length - needle.bytes.length + 1, 0);
      let at = window.indexOf(needle.bytes, begin);
      for (; at !== -1; at = window.indexOf(needle.bytes, at + 1)) needle.found();
    }
    this.#tail = Buffer.from(window.subarray(Math.max(window.length - this.#overlap, 0)));
  }

  /** Starts again: the next bytes do not follow the last ones. */
  reset(): void {
    this.#tail = Buffer.alloc(0);
  }
}
