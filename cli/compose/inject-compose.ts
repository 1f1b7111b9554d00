import { resolve } from 'node:path';
import { findSchemaErrors } from './check/check-schema.ts';
import { findTakenNames } from './check/check-names.ts';
import { findUnknownHealth } from './check/check-health.ts';
import { findPortClashes } from './check/check-ports.ts';
import { findCycles, findUnknownReferences } from './check/check-references.ts';
import { findUnmeshable } from './check/check-services.ts';
import { ComposeError } from './compose-error.ts';
import type { ComposeFile } from './source/compose-file.ts';
import type { LoadedProject } from './source/load-project.ts';
import { applyTags } from './source/merge-files.ts';
import { rebasePaths } from './source/rebase-paths.ts';
import { applicationHealth, type ImageTest } from './plan/application-health.ts';
import { planMesh } from './plan/plan.ts';
import type { BuildSource } from './read/dockerfile.ts';
import type { Service } from './read/project.ts';
import { readProject } from './read/read-project.ts';
import { reportServices, type ServiceReport } from './report.ts';
import { type ReadText, resolveExtends } from './source/resolve-extends.ts';
import { writeLayout } from './plan/write-layout.ts';
import { fieldsOf, isPlainMap, plainOf, isPlainList } from './yaml/yaml-fields.ts';
import { MARKER } from './plan/layout-names.ts';
import { nodeOf, setField } from './yaml/yaml-nodes.ts';

/** What to put into the mesh, and how. */
export interface InjectRequest {
  readonly project: LoadedProject;
  /** The folder that the file is written into, when it is another than the project's. */
  readonly outputFolder?: string;
  /** The image with Hauberk in it; by default the one that the file names, or `hauberk`. */
  readonly image: string | undefined;
  /** Whether to add a keeper. */
  readonly keeper: boolean;
  /** Whether the file is for Compose 1, whose schema has less. */
  readonly composeV1: boolean;
  readonly imageTest: ImageTest;
  /** Reads a file that the project extends. */
  readonly readText: ReadText;
}

/** What came of it. */
export interface Injection {
  /** The complete file; undefined when there are problems. */
  readonly output: string | undefined;
  readonly services: readonly ServiceReport[];
  /** Services whose health check, if their image has one, is switched off, since the image is not known here. */
  readonly switchedOff: readonly Service[];
  readonly problems: readonly ComposeError[];
}

const DEFAULT_IMAGE = 'hauberk';

/**
 * Puts the services of a Compose project into the mesh. A file that this wrote comes back as it is.
 *
 * @throws ComposeError when the file is not a Compose file at all
 */
export function injectCompose(request: InjectRequest): Injection {
  const { project: loaded, readText } = request;
  const { file, folder, variables, name } = loaded;
  // `hauberk inject` wrote it.
  if (fieldsOf(file.document, file.root).has(MARKER)) {
    const problems = findAddedServices(file);
    return {
      output: problems.length === 0 ? file.text : undefined,
      services: [],
      switchedOff: [],
      problems,
    };
  }
  requireServices(file);
  const unknown = [
    ...findSchemaErrors(file, variables),
    ...resolveExtends(file, { folder, variables, readText }),
  ];
  applyTags(file);
  const { project, problems: unread } = readProject(file, name, variables);
  const { keeper, composeV1, imageTest } = request;
  const dockerfile = (build: BuildSource): string | undefined =>
    build.inline ?? readIfThere(resolve(folder, build.context, build.dockerfile), readText);
  const health = applicationHealth(project, { imageTest, dockerfile, composeV1 });
  const problems = [
    ...unknown,
    ...unread.filter((problem) => !isSaidBy(unknown, problem)),
    ...findUnmeshable(project),
    ...findUnknownReferences(project),
    ...findCycles(project),
    ...findTakenNames(project),
    ...findPortClashes(project),
    ...findUnknownHealth(project, { health, composeV1 }),
  ].sort((one, other) => one.location.line - other.location.line);
  const switchedOff = [...project.services.values()].filter(
    ({ name: service }) => health.get(service)?.kind === 'off',
  );
  const services = reportServices(project, { problems, health, composeV1 });
  if (problems.length === 0 && services.every(({ action }) => action !== 'mesh')) {
    const field = fieldsOf(file.document, file.root).get('services');
    const location = file.locationOf(field?.keyNode);
    const sentence = 'the file has no service to add to the mesh';
    problems.push(new ComposeError('not-compose', sentence, { location }));
  }
  if (problems.length > 0) return { output: undefined, services, switchedOff, problems };
  moveTo(request);
  const image = request.image ?? project.annotations.image ?? DEFAULT_IMAGE;
  return {
    output: writeLayout(file, planMesh(project, { image, keeper, composeV1, health })),
    services,
    switchedOff,
    problems,
  };
}

/** The schema has found the same value unfit, and says more of it. */
function isSaidBy(
  found: readonly ComposeError[],
  { code, service, location }: ComposeError,
): boolean {
  return found.some(
    (other) =>
      other.code === code && other.service === service && other.location.line === location.line,
  );
}

/** Paths, and the name that the project has by its folder, hold for the folder that the file is written into. */
function moveTo({ project, outputFolder }: InjectRequest): void {
  const { file, folder, variables, name, isNamedByFolder } = project;
  if (outputFolder === undefined || outputFolder === folder) return;
  rebasePaths(file.document, file.root, { from: folder, to: outputFolder, variables });
  if (isNamedByFolder) setField(file.root, 'name', nodeOf(name));
}

/** A build may be from another place, or there may be none of what it needs. */
function readIfThere(path: string, readText: ReadText): string | undefined {
  try {
    return readText(path);
  } catch {
    return undefined;
  }
}

function requireServices(file: ComposeFile): void {
  const services = fieldsOf(file.document, file.root).get('services');
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
