/** A histogram in plain numbers, which becomes samples at a scrape. */
export class BucketCounts {
  /** Upper bounds, rising. */
  readonly bounds: readonly number[];
  /** How many values fell into each bucket, not cumulative; the last is for those beyond all bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  add(value: number): void {
    let at = 0;
    while (value > (this.bounds[at] ?? Infinity)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }

  /** Adds what another one of the same bounds has. */
  addAll(other: BucketCounts): void {
    for (const [at, count] of other.counts.entries())
      this.counts[at] = (this.counts[at] ?? 0) + count;
    this.sum += other.sum;
  }
}
