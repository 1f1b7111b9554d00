import { distance } from 'fastest-levenshtein';

/** A typing error changes a letter or two of a name; what differs in more of its letters is another name. */
const MAX_SHARE = 1 / 3;

/** More would be a list to search in, not an answer. */
const MAX_NAMES = 3;

/**
 * The known names that a name which is not known may have meant, the nearest first; empty when none is
 * near: at most a third of the letters differ, or one.
 */
export function nearestNames(name: string, known: Iterable<string>): readonly string[] {
  return [...known]
    .map((candidate) => ({ candidate, differs: distance(name, candidate) }))
    .filter(({ candidate, differs }) => differs <= Math.max(1, candidate.length * MAX_SHARE))
    .sort((a, b) => a.differs - b.differs || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, MAX_NAMES)
    .map(({ candidate }) => candidate);
}

/** The sentence that offers them, without a full stop: `did you mean shop/web?`; undefined without any. */
export function didYouMean(
  name: string,
  known: Iterable<string>,
  maxNames = MAX_NAMES,
): string | undefined {
  return offer(nearestNames(name, known), maxNames);
}

/** The sentence that offers names, without a full stop; undefined without any. */
export function offer(names: readonly string[], maxNames = MAX_NAMES): string | undefined {
  return names.length === 0 ? undefined : `did you mean ${names.slice(0, maxNames).join(' or ')}?`;
}
