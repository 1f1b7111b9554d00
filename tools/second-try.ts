import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Summary } from './ava-summary.ts';

/** A change that breaks something breaks it in few files or in many; chance breaks one, seldom two. */
const MOST_FILES = 2;

/**
 * The test files to run again, by themselves, to tell a test that failed by chance from a change that is wrong; none
 * where it was more than that. `root` is the folder of the checkout.
 */
export function filesToTryAgain(
  { failed, failures }: Summary,
  root: string,
): readonly string[] | undefined {
  // Whatever else fails (a time-out, a process that ended) ends tests that have no title here.
  if (failures.length === 0 || failures.length !== failed) return undefined;
  const files = failures.map((title) => fileOf(title, root));
  if (!files.every((file) => file !== undefined)) return undefined;
  const distinct = [...new Set(files)];
  return distinct.length <= MOST_FILES ? distinct : undefined;
}

/** Titles of a run of everything begin with the path of their file: `proxy › routes › http1 › its title`. */
function fileOf(title: string, root: string): string | undefined {
  const parts = title.split(' › ');
  return parts
    .map((_, at) => `test/${parts.slice(0, at).join('/')}.test.ts`)
    .find((path) => existsSync(join(root, path)));
}
