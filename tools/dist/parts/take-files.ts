import { LOAD_FLAG } from '../../../common/process/load-flag.ts';
import type { OwnFile } from '../../../common/process/own-program.ts';

/** Files that a part can load, each with what loads it. */
export type Loaders = Readonly<Partial<Record<OwnFile, () => Promise<unknown>>>>;

/**
 * Takes what is to be loaded out of the arguments, `--load=FILE` in front of all others: what is loaded sees its
 * own only.
 */
export function takeFiles(argv: string[], loaders: Loaders): (() => Promise<unknown>)[] {
  const [, , first] = argv;
  if (first === undefined || !first.startsWith(LOAD_FLAG)) return [];
  const name = first.slice(LOAD_FLAG.length);
  argv.splice(2, 1);
  const load = Object.hasOwn(loaders, name) ? loaders[name as OwnFile] : undefined;
  if (load !== undefined) return [load, ...takeFiles(argv, loaders)];
  process.stderr.write(
    `hauberk: it has no file ${JSON.stringify(name)} to load; see hauberk --help\n`,
  );
  process.exit(2);
}
