/** What an invariant is broken by, in a sentence. */
export type Break = (sentence: string) => void;

/** Something that must hold, by the name that the report has for it. */
export const INVARIANTS = [
  'no-plaintext',
  'no-forbidden-connection',
  'no-expired-certificate',
  'no-lost-write',
  'whole-issuance-log',
  'heals',
] as const;

/** One of them. */
export type InvariantName = (typeof INVARIANTS)[number];
