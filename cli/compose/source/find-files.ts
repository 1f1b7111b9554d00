import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { ComposeError } from '../compose-error.ts';
import type { Variables } from './variables.ts';

/** Names of a project's file, the first that is there (Compose specification, "Compose file"). */
const DEFAULT_NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];

/** What is merged into it, the first that is there. */
const OVERRIDE_NAMES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/** The file that is not one: standard input. */
export const STANDARD_INPUT = '-';

/** The files of a project. */
export interface ProjectFiles {
  /** In the order in which they are merged, as they were named. */
  readonly paths: readonly [string, ...string[]];
  /** An override beside the file, which Compose leaves out as well when the file is named. */
  readonly leftOut?: string;
}

/** What the files are looked for with. */
export interface FileSearch {
  /** Those that were named; none for what Compose would take by itself. */
  readonly named: readonly string[];
  readonly folder: string;
  readonly variables: Variables;
  readonly isFile: (path: string) => boolean;
}

/**
 * Finds the files of a project as Compose does: those that are named, else those of COMPOSE_FILE, else
 * `compose.yaml` here or in a folder above, with its override.
 *
 * @throws ComposeError `file-unreadable` when there is none
 */
export function findFiles({ named, folder, variables, isFile }: FileSearch): ProjectFiles {
  const separator = variables('COMPOSE_PATH_SEPARATOR') ?? delimiter;
  const listed = (variables('COMPOSE_FILE') ?? '').split(separator).filter((path) => path !== '');
  const [first, ...others] = named.length > 0 ? named : listed;
  if (first !== undefined) {
    const override = others.length > 0 ? undefined : overrideOf(first, folder, isFile);
    return { paths: [first, ...others], ...(override === undefined ? {} : { leftOut: override }) };
  }
  for (let at = resolve(folder), shown = ''; ; at = dirname(at), shown = join(shown, '..')) {
    const found = DEFAULT_NAMES.map((name) => join(shown, name)).find((path) =>
      isFile(resolve(folder, path)),
    );
    if (found !== undefined) {
      const override = overrideIn(resolve(folder, shown), isFile);
      return { paths: override === undefined ? [found] : [found, join(shown, override)] };
    }
    if (dirname(at) === at) break;
  }
  const sentence = `there is no ${DEFAULT_NAMES[0]} in ${folder} or a folder above it`;
  const hint = 'name the file: hauberk inject FILE';
  const location = { file: DEFAULT_NAMES[0] ?? '', line: 1 };
  throw new ComposeError('file-unreadable', sentence, { location, hint });
}

function overrideOf(
  path: string,
  folder: string,
  isFile: FileSearch['isFile'],
): string | undefined {
  if (!DEFAULT_NAMES.includes(basename(path))) return undefined;
  const override = overrideIn(resolve(folder, dirname(path)), isFile);
  return override === undefined ? undefined : join(dirname(path), override);
}

function overrideIn(folder: string, isFile: FileSearch['isFile']): string | undefined {
  return OVERRIDE_NAMES.find((name) => isFile(join(folder, name)));
}
