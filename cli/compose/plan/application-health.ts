import { HEALTH_DIRECTORY } from './layout-names.ts';
import { treat } from './treatment.ts';
import type { Project } from '../read/project.ts';
import { isPlainList, type Plain } from '../yaml/yaml-fields.ts';

/** The test of an image's health check, `[]` when it has none; undefined when the image is not known here. */
export type ImageTest = (image: string) => readonly string[] | undefined;

/** What becomes of the health checks of applications. */
export interface ApplicationHealth {
  /** By service: what becomes the `test` of its health check. Those that are not in it stay as they are. */
  readonly tests: ReadonlyMap<string, Plain>;
  /** By service: the image that may have a health check, which is not known. */
  readonly unknown: ReadonlyMap<string, string>;
}

/** It succeeds in a namespace with a network, and runs the command behind it there (cli/in-network.c). */
const IN_NETWORK = `${HEALTH_DIRECTORY}/in-network`;

/**
 * Makes the health checks fail, too, of applications that were left behind in the namespace of a pod that has ended, where
 * they can be reached by nothing but their own tests. A test of the image is written out, as only what is written can be
 * changed.
 */
export function applicationHealth(
  project: Project,
  { imageTest, composeV1 }: { readonly imageTest: ImageTest; readonly composeV1: boolean },
): ApplicationHealth {
  const tests = new Map<string, Plain>();
  const unknown = new Map<string, string>();
  const change = (service: string, test: Plain): void => {
    const changed = testInNetwork(test);
    if (changed !== undefined) tests.set(service, changed);
  };
  for (const service of project.services.values()) {
    if (treat(project, service).kind === 'left-out') continue;
    const { health, name } = service;
    if (health.kind === 'none') continue;
    if (health.kind === 'test') {
      change(name, health.test);
      continue;
    }
    const image = health.image ?? `${project.namespace}${composeV1 ? '_' : '-'}${name}`;
    const test = imageTest(image);
    if (test === undefined) unknown.set(name, image);
    // Compose would fill them in.
    else
      change(
        name,
        test.map((word) => word.replaceAll('$', '$$$$')),
      );
  }
  return { tests, unknown };
}

/** @returns undefined when there is nothing to change in it */
function testInNetwork(test: Plain): Plain | undefined {
  if (typeof test === 'string') return withCheck(test);
  if (!isPlainList(test)) return undefined;
  const [kind, first, ...others] = test;
  if (kind === 'CMD' && first !== undefined) return [kind, IN_NETWORK, first, ...others];
  return kind === 'CMD-SHELL' && typeof first === 'string' ? [kind, withCheck(first)] : undefined;
}

function withCheck(line: string): string {
  return `${IN_NETWORK} || exit 1; ${line}`;
}
