import { HEALTH_DIRECTORY } from './layout-names.ts';
import { treat } from './treatment.ts';
import { builtTest, type BuildSource } from '../read/dockerfile.ts';
import type { ImageHealth, Project } from '../read/project.ts';
import { isPlainList, type Plain } from '../yaml/yaml-fields.ts';

/** The test of an image's health check, `[]` when it has none; undefined when the image is not known here. */
export type ImageTest = (image: string) => readonly string[] | undefined;

/** What is known of images. */
export interface ImageSources {
  readonly imageTest: ImageTest;
  /** The Dockerfile of a build; undefined where it cannot be read. */
  readonly dockerfile: (build: BuildSource) => string | undefined;
  /** Whether the file is for Compose 1, which calls the images that it builds otherwise. */
  readonly composeV1: boolean;
}

/** What becomes of a health check. */
export type HealthChange =
  /** This becomes the `test`. */
  | { readonly kind: 'test'; readonly test: Plain }
  /** It is switched off: whether the image has one is not known here, and so it could not notice that its pod has ended. */
  | { readonly kind: 'off'; readonly image: string };

/** By service: what becomes of its health check. Those that are not in it stay as they are. */
export type ApplicationHealth = ReadonlyMap<string, HealthChange>;

/** It succeeds in a namespace with a network, and runs the command behind it there (cli/in-network.c). */
const IN_NETWORK = `${HEALTH_DIRECTORY}/in-network`;

/**
 * Makes the health checks fail, too, of applications that were left behind in the namespace of a pod that has ended, where
 * they can be reached by nothing but their own tests. A test of the image is written out, as only what is written can be
 * changed; one that is not known would say that they are healthy, and is switched off.
 */
export function applicationHealth(project: Project, sources: ImageSources): ApplicationHealth {
  const changes = new Map<string, HealthChange>();
  for (const service of project.services.values()) {
    if (treat(project, service).kind === 'left-out') continue;
    const { health, name } = service;
    if (health.kind === 'none') continue;
    const image =
      (health.kind === 'image' ? health.image : undefined) ??
      `${project.namespace}${sources.composeV1 ? '_' : '-'}${name}`;
    const test = health.kind === 'test' ? health.test : testOfImage(health, image, sources);
    const changed = test === undefined ? undefined : testInNetwork(test);
    if (test === undefined) changes.set(name, { kind: 'off', image });
    else if (changed !== undefined) changes.set(name, { kind: 'test', test: changed });
  }
  return changes;
}

/** A Dockerfile comes before the image that was built of it, maybe before it was changed. */
function testOfImage(
  { build }: ImageHealth,
  image: string,
  { imageTest, dockerfile }: ImageSources,
): Plain | undefined {
  const text = build && dockerfile(build);
  const built = build === undefined || text === undefined ? undefined : builtTest(text, build);
  const test = (built?.kind === 'image' ? imageTest(built.image) : built?.test) ?? imageTest(image);
  // Compose would fill them in.
  return test?.map((word) => word.replaceAll('$', '$$$$'));
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
