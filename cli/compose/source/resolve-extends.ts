import { dirname, resolve } from 'node:path';
import { isMap, type Node } from 'yaml';
import { ANNOTATION } from '../read/annotations.ts';
import { ComposeError } from '../compose-error.ts';
import { type ComposeFile, parseComposeFile } from './compose-file.ts';
import { mergeServices } from './merge-services.ts';
import { NETWORK_KEYS } from '../plan/plan.ts';
import { fillPlain } from './fill-plain.ts';
import { rebasePaths } from './rebase-paths.ts';
import type { Variables } from './variables.ts';
import { fieldsOf, isPlainMap, plainOf, type Field } from '../yaml/yaml-fields.ts';
import { copyOf, setField, takeField } from '../yaml/yaml-nodes.ts';

/** Reads a file that another one names. @throws Error as of node:fs */
export type ReadText = (path: string) => string;

/** Keys that decide how a service is meshed, and so must be where they can be seen and changed. */
const DECISIVE_KEYS = new Set([
  ...NETWORK_KEYS,
  'network_mode',
  'scale',
  'profiles',
  'container_name',
  // Its test is changed, or that of the image.
  'healthcheck',
  'image',
  'build',
  'sysctls',
  ANNOTATION,
]);

/** Longer chains are circles. */
const MAX_CHAIN = 20;

/** What a service extends. */
interface Base {
  readonly service: string;
  /** Absolute; the file itself when none is named. */
  readonly path: string;
  readonly field: Field;
}

/** What services are extended with. */
export interface ExtendContext {
  /** Where relative paths count from. */
  readonly folder: string;
  readonly variables: Variables;
  readonly readText: ReadText;
}

/**
 * Writes out what services extend within the file, because the service that they extend will change, and what
 * they extend of another file when that decides how they are meshed. Otherwise it stays.
 */
export function resolveExtends(file: ComposeFile, context: ExtendContext): readonly ComposeError[] {
  const problems: ComposeError[] = [];
  for (const name of fieldsOf(file.document, servicesIn(file)).keys()) {
    try {
      resolveOne(file, name, context, []);
    } catch (error) {
      if (!(error instanceof ComposeError)) throw error;
      problems.push(error);
    }
  }
  return problems;
}

/** @param chain the services that lead to this one, as PATH#SERVICE */
function resolveOne(
  file: ComposeFile,
  name: string,
  context: ExtendContext,
  chain: readonly string[],
): void {
  const services = servicesIn(file);
  const own = fieldsOf(file.document, services).get(name);
  const base = own === undefined ? undefined : baseOf(file, own, context);
  if (!isMap(services) || own === undefined || base === undefined) return;
  const fail = (sentence: string, hint: string): ComposeError =>
    new ComposeError('extends', sentence, {
      location: file.locationOf(base.field.keyNode),
      service: name,
      hint,
    });
  const here = [...chain, `${file.place}#${name}`];
  if (here.includes(`${base.path}#${base.service}`) || chain.length > MAX_CHAIN) {
    const circle = [...here.map((step) => step.replace(/.*#/, '')), base.service].join(' -> ');
    throw fail(`it extends itself: ${circle}`, 'break the circle');
  }
  const isOther = base.path !== file.place;
  const source = isOther ? openOther(base, context, fail) : file;
  const inner = isOther ? { ...context, folder: dirname(base.path) } : context;
  resolveOne(source, base.service, inner, here);
  const found = fieldsOf(source.document, servicesIn(source)).get(base.service);
  if (found === undefined) {
    const where = isOther ? base.path : 'this file';
    const sentence = `it extends ${JSON.stringify(base.service)}, which is not a service of ${where}`;
    throw fail(sentence, 'correct the name');
  }
  if (isOther) {
    if (!isDecisive(source, found)) return;
    const { variables } = context;
    rebasePaths(source.document, source.root, {
      from: inner.folder,
      to: context.folder,
      variables,
    });
  }
  const extended = copyOf(source.document, found.value);
  const merged = mergeServices(file.document, extended, own.value);
  if (!isMap(merged) || !isMap(extended)) return;
  // The base may itself extend another file, which then holds for this service as well.
  const further = takeField(extended, 'extends');
  takeField(merged, 'extends');
  if (further !== undefined) setField(merged, 'extends', further.value as Node);
  const pair = services.items.find(({ key }) => String(key) === name);
  if (pair !== undefined) pair.value = merged;
}

function servicesIn(file: ComposeFile): Node | undefined {
  return fieldsOf(file.document, file.root).get('services')?.value;
}

function baseOf(
  file: ComposeFile,
  service: Field,
  { folder, variables }: ExtendContext,
): Base | undefined {
  const field = fieldsOf(file.document, service.value).get('extends');
  if (field === undefined) return undefined;
  const value = fillPlain(plainOf(file.document, field.value), variables);
  const map = isPlainMap(value) ? value : { service: value };
  const { file: named, service: name } = map;
  if (typeof name !== 'string') return undefined;
  return {
    service: name,
    path: typeof named === 'string' ? resolve(folder, named) : file.place,
    field,
  };
}

function openOther(
  { path }: Base,
  { readText }: ExtendContext,
  fail: (sentence: string, hint: string) => ComposeError,
): ComposeFile {
  let text: string;
  try {
    text = readText(path);
  } catch {
    throw fail(`the file ${path}, which it extends, cannot be read`, 'check the path');
  }
  return parseComposeFile(text, path);
}

/** Whether what is extended has anything that inject has to see and to change. */
function isDecisive({ document }: ComposeFile, { value }: Field): boolean {
  return [...fieldsOf(document, value).values()].some((field) => {
    const replicas = field.key === 'deploy' && 'replicas' in Object(plainOf(document, field.value));
    return DECISIVE_KEYS.has(field.key) || replicas;
  });
}
