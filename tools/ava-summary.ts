import { stripVTControlCharacters } from 'node:util';

/** How a run of the tests ended. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  /** Titles of tests that failed by what they assert; other failures have none. */
  readonly failures: readonly string[];
  /** Titles of tests that were left out, each with its reason. */
  readonly skipped: readonly string[];
}

/** The count of tests that passed. */
const PASSED = /^\s*(\d+) tests? passed$/;

/** What AVA counts at its end that is not a test that passed, was skipped or is still to do. */
const FAILURE =
  /^\s*(\d+) (?:tests? failed|uncaught exceptions?|unhandled rejections?|tests? remained pending|test files? .*)/;

/** A test that failed, and how long it took or what it threw. */
const FAILED_TEST = /^\s*[✘×] \[fail\]: (.*)$/;

/**
 * Reads what AVA printed. Its exit code has the last word: a run that failed in a way that this does
 * not know counts as one failure.
 */
export function readSummary(output: string, exitCode: number | null): Summary {
  const lines = stripVTControlCharacters(output).split('\n');
  const count = (pattern: RegExp): number =>
    lines.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);
  const titles = (pattern: RegExp): string[] =>
    lines.flatMap((line) => pattern.exec(line)?.[1] ?? []);
  const failed = count(FAILURE);
  return {
    // AVA leaves this count out when something failed.
    passed: count(PASSED) || lines.filter((line) => /^\s*[✔√] /.test(line)).length,
    failed: exitCode === 0 ? failed : Math.max(failed, 1),
    failures: titles(FAILED_TEST),
    skipped: titles(/^\s*- \[skip\]:? (.*)$/),
  };
}
