import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One run of AVA. */
export interface TestRun {
  /** What AVA is started with. */
  readonly args: readonly string[];
  /** The test files that it runs, from the folder of the checkout; none where that is for AVA to find out. */
  readonly files: readonly string[];
}

/** What a test file calls that runs containers. */
const USES_DOCKER = /\bdockerEngine\(/;

/** The run that `args` ask AVA for. `root` is the folder of the checkout. */
export function planRun(args: readonly string[], root: string): TestRun {
  const named = args.filter((arg) => !arg.startsWith('-'));
  const all = globSync('test/**/*.test.ts', { cwd: root }).toSorted();
  if (!named.every((name) => all.includes(name))) return { args, files: [] };
  return { args, files: named.length === 0 ? all : named };
}

/**
 * Splits a run into those that go side by side: the files with containers, which wait for most of their time (health
 * checks, stops, downloads), and the others. One that chooses among the tests of its files stays one.
 */
export function splitRun({ args, files }: TestRun, root: string): readonly TestRun[] {
  const flags = args.filter((arg) => arg.startsWith('-'));
  if (!flags.every((flag) => flag.startsWith('--concurrency='))) return [{ args, files }];
  const usesDocker = (file: string): boolean =>
    USES_DOCKER.test(readFileSync(join(root, file), 'utf8'));
  const parts = [files.filter((file) => !usesDocker(file)), files.filter(usesDocker)];
  if (parts.some((part) => part.length === 0)) return [{ args, files }];
  return parts.map((part) => ({ args: [...flags, ...part], files: part }));
}
