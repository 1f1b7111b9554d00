import type { Rule } from './rules.ts';

/** Bugs that are known and not mended yet; each with the part that has it. None now. */
export const PENDING: readonly (Rule & { readonly owner: string })[] = [];
