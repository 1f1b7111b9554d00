import test from 'ava';

/** Something that ends: one test (its `t`), or a file. What is handed to it ends with it. */
export interface Scope {
  teardown(end: () => unknown): void;
  /** False at the end of a test that failed. */
  readonly passed?: boolean;
}

/** For what the tests of one file share. Call it once, at the top of the file. */
export function fileScope(): Scope {
  const ends: (() => unknown)[] = [];
  test.after.always(async () => {
    for (const end of ends.toReversed()) await end();
  });
  return { teardown: (end) => void ends.push(end) };
}
