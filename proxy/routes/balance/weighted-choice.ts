/** Something that takes a share of what there is. */
export interface Weighted {
  /** A whole number; 0 takes nothing. */
  readonly weight: number;
}

/**
 * Picks one by weight: each with the chance of its weight in the sum of all, whatever was picked before, so
 * that a share is exact over many requests and no request can foresee it.
 *
 * @param random gives numbers in [0, 1)
 * @returns undefined when the weights add up to nothing
 */
export function chooseByWeight<Choice extends Weighted>(
  choices: readonly Choice[],
  random: () => number,
): Choice | undefined {
  const [first] = choices;
  if (choices.length === 1) return first !== undefined && first.weight > 0 ? first : undefined;
  let total = 0;
  for (const { weight } of choices) total += weight;
  let left = random() * total;
  for (const choice of choices) {
    left -= choice.weight;
    if (left < 0) return choice;
  }
  return undefined;
}
