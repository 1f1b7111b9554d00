import { basename, dirname, resolve } from 'node:path';
import { isLabel } from '../../../common/names.ts';
import { ComposeError } from '../compose-error.ts';
import { fieldsOf, plainOf } from '../yaml/yaml-fields.ts';
import { type ComposeFile, parseComposeFile } from './compose-file.ts';
import { type Environment, readEnvFiles, variablesOf } from './environment.ts';
import { findFiles, STANDARD_INPUT } from './find-files.ts';
import type { Files } from './files.ts';
import { mergeAll } from './include.ts';
import { fillIn, type Variables } from './variables.ts';

/** Which project to load, said as it is said to Compose. */
export interface ProjectRequest {
  /** Files to merge, `-` for standard input; none for those that Compose would take. */
  readonly named: readonly string[];
  readonly folder: string;
  readonly environment: Environment;
  /** Files of variables instead of `.env`. */
  readonly envFiles: readonly string[];
  /** The name of the project, which comes before what the files and the environment say. */
  readonly name: string | undefined;
  readonly files: Files;
}

/** A project as Compose would read it: one file, whatever it was made of. */
export interface LoadedProject {
  readonly file: ComposeFile;
  /** Where relative paths count from. */
  readonly folder: string;
  readonly variables: Variables;
  readonly name: string;
  /** Whether the name would be another one if the file stood in another folder. */
  readonly isNamedByFolder: boolean;
  /** What a person might have expected to be read, and why it was not. */
  readonly notes: readonly string[];
}

/**
 * Loads a project: its files merged, what they include brought in, and the variables that Compose would fill in.
 *
 * @throws ComposeError, or ConfigError when a file that was named cannot be read
 */
export function loadProject(request: ProjectRequest): LoadedProject {
  const { named, folder, environment, files } = request;
  const envFiles = request.envFiles.map((path) => resolve(folder, path));
  const first = named[0];
  // Compose reads `.env` beside the first file; without one, where it was started, to learn of COMPOSE_FILE.
  const besides =
    first === undefined || first === STANDARD_INPUT ? folder : dirname(resolve(folder, first));
  const variables = variablesOf(environment, readEnvFiles(envFiles, besides, files));
  const found = findFiles({ named, folder, variables, isFile: files.isFile });
  const projectFolder = folderOf(found.paths[0], folder);
  const all =
    projectFolder === besides
      ? variables
      : variablesOf(environment, readEnvFiles(envFiles, projectFolder, files));
  const context = { start: folder, folder: projectFolder, variables: all, environment, files };
  const main = mergeAll(
    found.paths.map((path) => readFile(path, folder, files)),
    context,
  );
  const { leftOut } = found;
  const notes =
    leftOut === undefined
      ? []
      : [
          `${leftOut} is left out, as \`docker compose -f ${found.paths[0]}\` leaves it out; name both, or none in that folder, to merge it`,
        ];
  return {
    file: main,
    folder: projectFolder,
    variables: all,
    notes,
    ...nameOf(main, projectFolder, request.name, all),
  };
}

/** Parses one file of a project. @throws ComposeError, ConfigError */
function readFile(path: string, folder: string, files: Files): ComposeFile {
  const place = resolve(folder, path);
  if (path === STANDARD_INPUT) {
    return parseComposeFile(files.readStandardInput(), 'standard input', place);
  }
  return parseComposeFile(files.read(place), path, place);
}

function folderOf(path: string, folder: string): string {
  return path === STANDARD_INPUT ? folder : dirname(resolve(folder, path));
}

/**
 * The name of the project, which is the namespace of its services in the mesh (Compose specification, "Name"):
 * what was asked for, COMPOSE_PROJECT_NAME, the `name` in the file, or the name of its folder.
 *
 * @throws ComposeError when no name comes of that
 */
function nameOf(
  file: ComposeFile,
  folder: string,
  asked: string | undefined,
  variables: Variables,
): Pick<LoadedProject, 'name' | 'isNamedByFolder'> {
  const field = fieldsOf(file.document, file.root).get('name');
  const location = file.locationOf(field?.keyNode);
  const hint = 'give the name with --project NAME';
  const inEnvironment = variables('COMPOSE_PROJECT_NAME');
  const given = asked ?? (inEnvironment === '' ? undefined : inEnvironment);
  const plain = field === undefined ? undefined : plainOf(file.document, field.value);
  const named = typeof plain === 'string' ? plain : '';
  const { text, missing } = fillIn(named, variables);
  if (given === undefined && missing !== undefined) {
    const sentence = `the name of the project is ${named}, and ${missing} is not set`;
    throw new ComposeError('value-variable', sentence, { location, hint });
  }
  const written = text === '' ? undefined : text;
  const name = given ?? written ?? basename(folder);
  const fitting = name
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '')
    .replace(/^[-_]+|[-_]+$/g, '');
  const isNamedByFolder = given === undefined && written === undefined;
  if (isLabel(fitting)) return { name: fitting, isNamedByFolder };
  const sentence = `${JSON.stringify(name)} cannot be the name of a project`;
  throw new ComposeError('value-unfit', sentence, { location, hint });
}
