import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { injectCompose, type Injection } from '../../../cli/compose/inject-compose.ts';

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
export function injectProject(name: string): Injection {
  return injectText(readFileSync(projectPath(name), 'utf8'), projectPath(name));
}

/** Injects a text as if it stood in a file. */
export function injectText(text: string, path = 'compose.yaml'): Injection {
  const readText = (file: string): string => readFileSync(file, 'utf8');
  const options = { project: 'demo', image: undefined, keeper: false };
  return injectCompose({ text, path, ...options, readText });
}

/** What inject makes of a text that it accepts. @throws Error that lists the problems */
export function injected(text: string, path?: string): string {
  const { output, problems } = injectText(text, path);
  if (output !== undefined) return output;
  throw new Error(`refused: ${problems.map(({ message }) => message).join('; ')}`);
}
