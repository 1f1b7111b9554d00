/** Something that holds bytes for a reader who does not read them. */
export interface Holder {
  /** Gives up what it holds, at once. */
  shed(): void;
}

/**
 * Bounds the bytes that wait in this process for somebody slow, over all tunnels and in both
 * directions. Windows bound each stream; this bounds their sum: when it is exceeded, those who have
 * made no progress for the longest time lose their streams, so that stalled readers can neither fill
 * the memory nor stop the others.
 */
export class MemoryBudget {
  readonly #limitBytes: number;
  /** Who holds how much. The one whose last progress is the longest ago comes first. */
  readonly #held = new Map<Holder, number>();
  #totalBytes = 0;
  #shedCount = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** How often somebody was made to give up. */
  get shedCount(): number {
    return this.#shedCount;
  }

  /** False when windows should not grow: half of the memory is in use. */
  get isRoomy(): boolean {
    return this.#totalBytes * 2 < this.#limitBytes;
  }

  /**
   * Sets how much somebody holds now. When that is too much for all together, others have to give up,
   * or the caller itself.
   */
  set(holder: Holder, bytes: number): void {
    const before = this.#held.get(holder) ?? 0;
    if (before === bytes) return;
    this.#totalBytes += bytes - before;
    // Less is progress: now the others have been waiting for longer. More is not.
    if (bytes < before) this.#held.delete(holder);
    if (bytes > 0) this.#held.set(holder, bytes);
    while (this.#totalBytes > this.#limitBytes) {
      const [longest] = this.#held;
      if (longest === undefined) return;
      const [victim, held] = longest;
      this.#held.delete(victim);
      this.#totalBytes -= held;
      this.#shedCount += 1;
      victim.shed();
    }
  }
}
