import { join } from 'node:path';
import { isSea } from 'node:sea';
import { LOAD_FLAG } from './load-flag.ts';

/** A file of ours that runs when it is loaded, from the root of the project. */
export type OwnFile =
  | 'cli/main.ts'
  | 'cli/demo/app/main.ts'
  | 'cli/demo/client/main.ts'
  | 'cli/demo/parent-watch.ts'
  | 'cli/verify/agent/main.ts'
  | 'proxy/workers/main.ts';

/** How Node.js is told to run files of ours: the arguments after `process.execPath`. */
export interface OwnProgram {
  /** Those for Node.js. */
  readonly execArgv: readonly string[];
  /** What it runs, and the first arguments of that. */
  readonly entry: readonly [string, ...string[]];
}

const FROM_SOURCES = import.meta.filename.endsWith('.ts');
/** The folder of package.json, of the sources and of the npm package, whose parts are in `lib/`. */
const ROOT = join(import.meta.dirname, FROM_SOURCES ? '../..' : '..');

/**
 * How to start a process that loads these files, in this order: the last is the program, with what follows
 * `entry` as its arguments. The one place that knows in which of three forms Hauberk runs:
 *
 * - its sources, each a file;
 * - the npm package, whose `hauberk.js` is told which to load;
 * - a single executable, which is Node.js and that package in one, and takes no arguments for Node.js.
 */
export function ownProgram(...files: readonly [OwnFile, ...OwnFile[]]): OwnProgram {
  const loads = files.map((file) => `${LOAD_FLAG}${file}`) as [string, ...string[]];
  if (isSea()) return { execArgv: [], entry: loads };
  if (!FROM_SOURCES)
    return { execArgv: process.execArgv, entry: [join(ROOT, 'hauberk.js'), ...loads] };
  const paths = files.map((file) => join(ROOT, file));
  const main = paths.pop() ?? '';
  const imports = paths.map((path) => `--import=${path}`);
  return { execArgv: [...process.execArgv, ...imports], entry: [main] };
}
