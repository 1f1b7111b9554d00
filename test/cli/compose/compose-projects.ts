import { globSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { injectCompose, type Injection } from '../../../cli/compose/inject-compose.ts';
import type { ImageTest } from '../../../cli/compose/plan/application-health.ts';
import { loadProject } from '../../../cli/compose/source/load-project.ts';

/** Where the projects stand, each with what inject makes of it. */
export const PROJECTS_FOLDER = join(import.meta.dirname, 'projects');

/** The names of the projects, without those that others only extend. */
export const PROJECTS: readonly string[] = globSync('*.yaml', { cwd: PROJECTS_FOLDER })
  .filter((file) => !/\.mesh\.yaml$|-common\.yaml$/.test(file))
  .map((file) => basename(file, '.yaml'))
  .toSorted();

/** Services by their names, as far as tests look at them. */
export type Services = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The services of a Compose file, merge keys applied. */
export function servicesOf(text: string): Services {
  return (parse(text, { merge: true }) as { readonly services: Services }).services;
}

/** The path of a project's file. */
export function projectPath(name: string): string {
  return join(PROJECTS_FOLDER, `${name}.yaml`);
}

/** Injects one of the projects. */
export function injectProject(name: string, options?: TextOptions): Injection {
  return injectText(readFileSync(projectPath(name), 'utf8'), projectPath(name), options);
}

/** How a text is injected. */
export interface TextOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly keeper?: boolean;
  readonly composeV1?: boolean;
  /** By default all images are known, and have no health check. */
  readonly imageTest?: ImageTest;
}

/** Injects a text as if it stood in a file of the project "demo". */
export function injectText(
  text: string,
  path = 'compose.yaml',
  { environment = {}, keeper = false, composeV1 = false, imageTest = () => [] }: TextOptions = {},
): Injection {
  const read = (file: string): string =>
    file === resolve(path) ? text : readFileSync(file, 'utf8');
  const files = { read, isFile: (): boolean => false, readStandardInput: (): string => text };
  const request = { folder: process.cwd(), environment, envFiles: [], name: 'demo', files };
  const project = loadProject({ ...request, named: [path] });
  return injectCompose({
    project,
    image: undefined,
    keeper,
    composeV1,
    imageTest,
    readText: read,
  });
}

/** What inject makes of a text that it accepts. @throws Error that lists the problems */
export function injected(text: string, path?: string): string {
  const { output, problems } = injectText(text, path);
  if (output !== undefined) return output;
  throw new Error(`refused: ${problems.map(({ message }) => message).join('; ')}`);
}

/** A field of a service as it was before its health check began to look for a network. */
export function withoutNetworkCheck(value: unknown): unknown {
  if (value === undefined) return undefined;
  const mounts = (one: unknown): boolean => /hauberk-health[":]/.test(JSON.stringify(one));
  if (Array.isArray(value) && value.some(mounts)) {
    const others = value.filter((one) => !mounts(one));
    return others.length === 0 ? undefined : others;
  }
  const text = JSON.stringify(value)
    .replaceAll('/opt/hauberk-health/in-network || exit 1; ', '')
    .replaceAll('"/opt/hauberk-health/in-network",', '');
  return JSON.parse(text) as unknown;
}
