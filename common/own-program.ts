import { join } from 'node:path';
import { isSea } from 'node:sea';

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

/** Where these sources, or the file that was made from them, are. */
const HERE = import.meta.filename;
const FROM_SOURCES = HERE.endsWith('.ts');

/** `--load=FILE`, as `tools/dist/entry.ts` reads it. */
export const LOAD_FLAG = '--load=';

/**
 * How to start a process that loads these files, in this order: the last is the program, with what follows
 * `entry` as its arguments. The one place that knows in which of three forms Hauberk runs:
 *
 * - its sources, each a file;
 * - the npm package, whose one file holds them all and is told which to load;
 * - a single executable, which is Node.js and that file in one, and takes no arguments for Node.js.
 */
export function ownProgram(...files: readonly [OwnFile, ...OwnFile[]]): OwnProgram {
  const loads = files.map((file) => `${LOAD_FLAG}${file}`) as [string, ...string[]];
  if (isSea()) return { execArgv: [], entry: loads };
  if (!FROM_SOURCES) return { execArgv: process.execArgv, entry: [HERE, ...loads] };
  const paths = files.map((file) => join(import.meta.dirname, '..', file));
  const main = paths.pop() ?? '';
  const imports = paths.map((path) => `--import=${path}`);
  return { execArgv: [...process.execArgv, ...imports], entry: [main] };
}
