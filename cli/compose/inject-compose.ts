import { findUnknownKeys } from './check/check-keys.ts';
import { findTakenNames } from './check/check-names.ts';
import { findPortClashes } from './check/check-ports.ts';
import { findCycles, findUnknownReferences } from './check/check-references.ts';
import { findUnmeshable } from './check/check-services.ts';
import { ComposeError } from './compose-error.ts';
import { type ComposeFile, parseComposeFile } from './source/compose-file.ts';
import { planMesh } from './plan/plan.ts';
import { readProject } from './read/read-project.ts';
import { reportServices, type ServiceReport } from './report.ts';
import { type ReadText, resolveExtends } from './source/resolve-extends.ts';
import { writeLayout } from './plan/write-layout.ts';
import { fieldsOf, isPlainMap, plainOf, isPlainList } from './yaml/yaml-fields.ts';
import { MARKER } from './plan/layout-names.ts';
import { basename, dirname, resolve } from 'node:path';
import { isLabel } from '../../common/names.ts';
import { hasVariable } from './source/variables.ts';

/** What to put into the mesh, and how. */
export interface InjectRequest {
  readonly text: string;
  /** As the person named the file; other files are found from here. */
  readonly path: string;
  /** The namespace of the services; by default the name of the project. */
  readonly project: string | undefined;
  /** The image with Hauberk in it; by default the one that the file names, or `hauberk`. */
  readonly image: string | undefined;
  /** Whether to add a keeper. */
  readonly keeper: boolean;
  readonly readText: ReadText;
}

/** What came of it. */
export interface Injection {
  /** The complete file; undefined when there are problems. */
  readonly output: string | undefined;
  readonly services: readonly ServiceReport[];
  readonly problems: readonly ComposeError[];
}

const DEFAULT_IMAGE = 'hauberk';

/**
 * Puts the services of a Compose file into the mesh. A file that this wrote comes back as it is.
 *
 * @throws ComposeError when the file is not YAML or not a Compose file at all
 */
export function injectCompose(request: InjectRequest): Injection {
  const file = parseComposeFile(request.text, request.path);
  // `hauberk inject` wrote it.
  if (fieldsOf(file.document, file.root).has(MARKER)) {
    const problems = findAddedServices(file);
    return { output: problems.length === 0 ? file.text : undefined, services: [], problems };
  }
  refuseOtherFiles(file);
  const unknown = [...findUnknownKeys(file), ...resolveExtends(file, request.readText)];
  const { project, problems: unread } = readProject(file, request.project ?? projectName(file));
  const problems = [
    ...unknown,
    ...unread,
    ...findUnmeshable(project),
    ...findUnknownReferences(project),
    ...findCycles(project),
    ...findTakenNames(project),
    ...findPortClashes(project),
  ].sort((one, other) => one.location.line - other.location.line);
  const services = reportServices(project, problems);
  if (problems.length === 0 && services.every(({ action }) => action !== 'mesh')) {
    const field = fieldsOf(file.document, file.root).get('services');
    const location = file.locationOf(field?.keyNode);
    const sentence = 'the file has no service to add to the mesh';
    problems.push(new ComposeError('not-compose', sentence, { location }));
  }
  if (problems.length > 0) return { output: undefined, services, problems };
  const { keeper } = request;
  const image = request.image ?? project.annotations.image ?? DEFAULT_IMAGE;
  return { output: writeLayout(file, planMesh(project, { image, keeper })), services, problems };
}

function refuseOtherFiles(file: ComposeFile): void {
  const top = fieldsOf(file.document, file.root);
  const services = top.get('services');
  const include = top.get('include');
  if (include !== undefined) {
    const sentence = 'include brings in services that inject cannot see and change';
    throw new ComposeError('include', sentence, {
      location: file.locationOf(include.keyNode),
      hint: 'flatten the project first: docker compose config --no-interpolate',
    });
  }
  if (services !== undefined && isPlainMap(plainOf(file.document, services.value))) return;
  const sentence = 'a Compose file was expected, which has the services under the key "services"';
  throw new ComposeError('not-compose', sentence, {
    location: file.locationOf(services?.keyNode ?? file.root),
  });
}

/** Finds services that were added to a file that `hauberk inject` wrote: they are not meshed. */
function findAddedServices(file: ComposeFile): readonly ComposeError[] {
  const top = fieldsOf(file.document, file.root);
  const marker = plainOf(file.document, top.get(MARKER)?.value);
  const names = isPlainMap(marker) ? marker['services'] : undefined;
  const known = new Set(isPlainList(names) ? names : []);
  return [...fieldsOf(file.document, top.get('services')?.value).values()]
    .filter(({ key, value }) => !known.has(key) && !fieldsOf(file.document, value).has(MARKER))
    .map(({ key, keyNode }) => {
      const sentence = 'it was added to a file that hauberk inject wrote';
      return new ComposeError('injected-before', sentence, {
        location: file.locationOf(keyNode),
        service: key,
        hint: 'add it to the original file, and inject that again',
      });
    });
}

/**
 * The name of the project, which is the namespace of its services in the mesh: the `name` in the
 * file or the name of its folder, made to fit as Compose does it.
 *
 * @throws ComposeError when no name comes of that
 */
function projectName(file: ComposeFile): string {
  const field = fieldsOf(file.document, file.root).get('name');
  const location = file.locationOf(field?.keyNode);
  const hint = 'give the name with --project NAME';
  const written = field === undefined ? undefined : plainOf(file.document, field.value);
  if (typeof written === 'string' && hasVariable(written)) {
    const sentence = `the name of the project is the variable ${written}`;
    throw new ComposeError('value-variable', sentence, { location, hint });
  }
  const name = typeof written === 'string' ? written : basename(dirname(resolve(file.path)));
  const fitting = name
    .toLowerCase()
    .replace(/[^-_a-z0-9]/g, '')
    .replace(/^[-_]+|[-_]+$/g, '');
  if (isLabel(fitting)) return fitting;
  const sentence = `${JSON.stringify(name)} cannot be the name of a project`;
  throw new ComposeError('value-unfit', sentence, { location, hint });
}
