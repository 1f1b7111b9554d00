import { findUnknownKeys } from './check-keys.ts';
import { findTakenNames } from './check-names.ts';
import { findPortClashes } from './check-ports.ts';
import { findCycles, findUnknownReferences } from './check-references.ts';
import { findUnmeshable } from './check-services.ts';
import { ComposeError } from './compose-error.ts';
import { type ComposeFile, parseComposeFile } from './compose-file.ts';
import { findAddedServices, wasInjected } from './earlier-injection.ts';
import { planMesh } from './plan.ts';
import { projectName } from './project-name.ts';
import type { Project } from './project.ts';
import { readProject } from './read-project.ts';
import { reportServices, type ServiceReport } from './report.ts';
import { type ReadText, resolveExtends } from './resolve-extends.ts';
import { writeLayout } from './write-layout.ts';
import { fieldsOf, isPlainMap, plainOf } from './yaml-fields.ts';

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
  if (wasInjected(file)) {
    const problems = findAddedServices(file);
    return { output: problems.length === 0 ? file.text : undefined, services: [], problems };
  }
  refuseOtherFiles(file);
  const unknown = [...findUnknownKeys(file), ...resolveExtends(file, request.readText)];
  const { project, problems: unread } = readProject(file, request.project ?? projectName(file));
  const problems = [...unknown, ...unread, ...check(project)].sort(byLine);
  const services = reportServices(project, problems);
  if (problems.length === 0 && services.every(({ action }) => action !== 'mesh')) {
    problems.push(nothingToMesh(file));
  }
  if (problems.length > 0) return { output: undefined, services, problems };
  const { keeper } = request;
  const image = request.image ?? project.annotations.image ?? DEFAULT_IMAGE;
  return { output: writeLayout(file, planMesh(project, { image, keeper })), services, problems };
}

function check(project: Project): readonly ComposeError[] {
  return [
    ...findUnmeshable(project),
    ...findUnknownReferences(project),
    ...findCycles(project),
    ...findTakenNames(project),
    ...findPortClashes(project),
  ];
}

function nothingToMesh(file: ComposeFile): ComposeError {
  const services = fieldsOf(file.document, file.root).get('services');
  const sentence = 'the file has no service to add to the mesh';
  return new ComposeError('not-compose', sentence, {
    location: file.locationOf(services?.keyNode),
  });
}

function byLine(one: ComposeError, other: ComposeError): number {
  return one.location.line - other.location.line;
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
