import type { Summary } from './ava-summary.ts';

/** A change that breaks something breaks it in few files or in many; chance breaks one, seldom two. */
const MOST_FILES = 2;

/** A run of AVA that has ended, and the files that it was of. */
export interface EndedRun {
  readonly summary: Summary;
  readonly files: readonly string[];
}

/**
 * The test files to run again, by themselves, to tell a test that failed by chance from a change that is wrong; none
 * where it was more than that.
 */
export function filesToTryAgain(runs: readonly EndedRun[]): readonly string[] | undefined {
  // Whatever else fails (a time-out, a process that ended) ends tests that have no title here.
  if (runs.some(({ summary }) => summary.failures.length !== summary.failed)) return undefined;
  const files = runs.flatMap(({ summary, files: ran }) =>
    summary.failures.map((title) => fileOf(title, ran)),
  );
  if (files.length === 0 || !files.every((file) => file !== undefined)) return undefined;
  const distinct = [...new Set(files)];
  return distinct.length <= MOST_FILES ? distinct : undefined;
}

/**
 * Titles begin with the path of their file below the folder that all files of the run share: in test/,
 * `proxy › routes › http1 › its title`.
 */
function fileOf(title: string, ran: readonly string[]): string | undefined {
  const folder = sharedFolder(ran);
  const parts = title.split(' › ');
  return parts
    .map((_, at) => `${[...folder, ...parts.slice(0, at)].join('/')}.test.ts`)
    .find((path) => ran.includes(path));
}

function sharedFolder(files: readonly string[]): readonly string[] {
  const [first = [], ...others] = files.map((file) => file.split('/').slice(0, -1));
  const end = first.findIndex((part, at) => others.some((other) => other[at] !== part));
  return end === -1 ? first : first.slice(0, end);
}
