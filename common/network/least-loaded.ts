/**
 * Picks the less loaded of two random candidates ("power of two choices"): nearly as even as asking all of
 * them, and without a rush to the same one.
 *
 * @param random gives numbers in [0, 1)
 * @returns undefined when there are no candidates
 */
export function leastLoadedOfTwo<Candidate>(
  candidates: readonly Candidate[],
  load: (candidate: Candidate) => number,
  random: () => number,
): Candidate | undefined {
  if (candidates.length < 2) return candidates[0];
  const first = Math.floor(random() * candidates.length);
  const offset = 1 + Math.floor(random() * (candidates.length - 1));
  const one = candidates[first];
  const other = candidates[(first + offset) % candidates.length];
  if (one === undefined || other === undefined) return one;
  return load(other) < load(one) ? other : one;
}
