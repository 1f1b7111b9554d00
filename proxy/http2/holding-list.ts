/** Something that holds bytes for a reader who does not read them. */
export interface Holder {
  /** On whose account it holds them: the peer's identity. */
  readonly owner?: string;
  /** What it holds, for the budget alone. */
  holding?: Holding | undefined;
  /** Gives up what it holds, at once. */
  shed(): void;
}

/** What a holder holds, and its place among others of its owner. */
export interface Holding {
  readonly holder: Holder;
  bytes: number;
  before: Holding | undefined;
  after: Holding | undefined;
}

/** Holders of one owner, each in one list at most: the one that was added first comes first. */
export class HoldingList {
  first: Holding | undefined;
  #last: Holding | undefined;

  /** Adds the holder at the end, or changes how much it has where it stands. */
  set(holder: Holder, bytes: number): void {
    if (holder.holding !== undefined) {
      holder.holding.bytes = bytes;
      return;
    }
    const holding: Holding = { holder, bytes, before: this.#last, after: undefined };
    holder.holding = holding;
    if (this.#last === undefined) this.first = holding;
    else this.#last.after = holding;
    this.#last = holding;
  }

  /** Takes the holder out. What is out refers to no other holder: it may be old, and must not make others old. */
  delete(holder: Holder): void {
    const { holding } = holder;
    if (holding === undefined) return;
    const { before, after } = holding;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    holder.holding = undefined;
    holding.before = undefined;
    holding.after = undefined;
  }
}
