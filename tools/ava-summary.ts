import { stripVTControlCharacters } from 'node:util';

/** How a run of the tests ended. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** Titles of tests that were left out, each with its reason. */
  readonly skipped: readonly string[];
}

/** The count of tests that passed. */
const PASSED = /^\s*(\d+) tests? passed$/;

/** What AVA counts at its end that is not a test that passed, was skipped or is still to do. */
const FAILURE =
  /^\s*(\d+) (?:tests? failed|uncaught exceptions?|unhandled rejections?|tests? remained pending|test files? .*)/;

/**
 * Reads what AVA printed. Its exit code has the last word: a run that failed in a way that this does
 * not know counts as one failure.
 */
export function readSummary(output: string, exitCode: number | null): Summary {
  const lines = stripVTControlCharacters(output).split('\n');
  const count = (pattern: RegExp): number =>
    lines.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);
  const failed = count(FAILURE);
  return {
    // AVA leaves this count out when something failed.
    passed: count(PASSED) || lines.filter((line) => /^\s*[✔√] /.test(line)).length,
    failed: exitCode === 0 ? failed : Math.max(failed, 1),
    skipped: lines.flatMap((line) => /^\s*- \[skip\]:? (.*)$/.exec(line)?.[1] ?? []),
  };
}
