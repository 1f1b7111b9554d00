import type { Durations } from '../../../proto/gen/hauberk/v1/traffic.ts';

/** Upper bounds in seconds, from an answer out of memory to a long poll. */
export const REQUEST_SECONDS_BOUNDS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** A histogram in which nothing was counted. */
export function noDurations(): Durations {
  return {
    bounds: REQUEST_SECONDS_BOUNDS,
    counts: REQUEST_SECONDS_BOUNDS.map(() => 0).concat(0),
    sum: 0,
  };
}

/**
 * The same in the bounds of this version. What was counted below another bound is counted below the next one of
 * ours, so that no duration seems shorter than it was. Undefined for what is no histogram.
 */
export function readDurations({ bounds, counts, sum }: Durations): Durations | undefined {
  if (counts.length !== bounds.length + 1 || !Number.isFinite(sum)) return undefined;
  if (bounds.some((bound, at) => !(bound > (bounds[at - 1] ?? 0)))) return undefined;
  const isOurs =
    bounds.length === REQUEST_SECONDS_BOUNDS.length &&
    bounds.every((bound, at) => bound === REQUEST_SECONDS_BOUNDS[at]);
  if (isOurs) return { bounds: REQUEST_SECONDS_BOUNDS, counts, sum };
  const read = noDurations().counts.slice();
  for (const [at, count] of counts.entries()) {
    const bound = bounds[at] ?? Infinity;
    const ours = REQUEST_SECONDS_BOUNDS.findIndex((one) => one >= bound);
    const place = ours === -1 ? REQUEST_SECONDS_BOUNDS.length : ours;
    read[place] = (read[place] ?? 0) + count;
  }
  return { bounds: REQUEST_SECONDS_BOUNDS, counts: read, sum };
}

/**
 * The duration in seconds that the share of all is below, such as 0.99: the upper bound of its bucket, as far as
 * the buckets tell. Infinity beyond the last bound; undefined when nothing was counted.
 */
export function quantile({ bounds, counts }: Durations, share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let below = 0;
  for (const [at, count] of counts.entries()) {
    if (count > 0 && below + count >= share * total) {
      const [from, to] = [bounds[at - 1] ?? 0, bounds[at] ?? Infinity];
      if (to === Infinity) return Infinity;
      return from + (to - from) * Math.max(0, Math.min(1, (share * total - below) / count));
    }
    below += count;
  }
  return Infinity;
}
