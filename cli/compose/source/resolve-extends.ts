import { dirname, resolve } from 'node:path';
import { isMap } from 'yaml';
import { ANNOTATION } from '../read/annotations.ts';
import { ComposeError } from '../compose-error.ts';
import { type ComposeFile, parseComposeFile } from './compose-file.ts';
import { mergeServices } from './merge-services.ts';
import { NETWORK_KEYS } from '../plan/plan.ts';
import { hasVariable } from './variables.ts';
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
  'sysctls',
  ANNOTATION,
]);

/** Longer chains are circles. */
const MAX_CHAIN = 20;

/** What a service extends. */
interface Base {
  readonly service: string;
  readonly file: string | undefined;
  readonly field: Field;
}

/**
 * Writes out what services extend within the file, because the service that they extend will change.
 * `extends` of another file stays, if that gives nothing that inject would have to change.
 */
export function resolveExtends(file: ComposeFile, readText: ReadText): readonly ComposeError[] {
  const problems: ComposeError[] = [];
  const services = fieldsOf(file.document, file.root).get('services')?.value;
  if (!isMap(services)) return problems;
  for (const name of fieldsOf(file.document, services).keys()) {
    try {
      resolveOne(file, readText, [name]);
    } catch (error) {
      if (!(error instanceof ComposeError)) throw error;
      problems.push(error);
    }
  }
  return problems;
}

/** @param chain the services that lead to the one that is last, which extends another */
function resolveOne(file: ComposeFile, readText: ReadText, chain: readonly string[]): void {
  const name = chain.at(-1) ?? '';
  const services = fieldsOf(file.document, file.root).get('services')?.value;
  const own = fieldsOf(file.document, services).get(name);
  const base = own === undefined ? undefined : baseOf(file, own);
  if (!isMap(services) || own === undefined || base === undefined) return;
  const fail = (sentence: string, hint: string): ComposeError =>
    new ComposeError('extends', sentence, {
      location: file.locationOf(base.field.keyNode),
      service: name,
      hint,
    });
  if (base.file !== undefined && resolve(base.file) !== resolve(file.path)) {
    checkOtherFile(base, file, readText, fail, chain.length);
    return;
  }
  if (chain.includes(base.service)) {
    throw fail(`it extends itself: ${[...chain, base.service].join(' -> ')}`, 'break the circle');
  }
  resolveOne(file, readText, [...chain, base.service]);
  const found = fieldsOf(file.document, services).get(base.service);
  if (found === undefined) {
    const sentence = `it extends ${JSON.stringify(base.service)}, which is not a service of this file`;
    throw fail(sentence, 'correct the name');
  }
  const merged = mergeServices(file.document, found.value, own.value);
  if (isMap(merged) && isMap(own.value)) {
    // The base may itself extend another file, which then holds for this service as well.
    const further = fieldsOf(file.document, found.value).get('extends');
    takeField(merged, 'extends');
    if (further !== undefined) setField(merged, 'extends', copyOf(file.document, further.value));
    const pair = services.items.find(({ key }) => String(key) === name);
    if (pair !== undefined) pair.value = merged;
  }
}

function baseOf(file: ComposeFile, service: Field): Base | undefined {
  const field = fieldsOf(file.document, service.value).get('extends');
  if (field === undefined) return undefined;
  const value = plainOf(file.document, field.value);
  if (typeof value === 'string') return { service: value, file: undefined, field };
  const map = isPlainMap(value) ? value : {};
  const base = typeof map['file'] === 'string' ? map['file'] : undefined;
  const path = base === undefined ? undefined : resolve(dirname(file.path), base);
  return typeof map['service'] === 'string'
    ? { service: map['service'], file: path, field }
    : undefined;
}

function checkOtherFile(
  base: Base,
  from: ComposeFile,
  readText: ReadText,
  fail: (sentence: string, hint: string) => ComposeError,
  depth: number,
): void {
  const path = base.file ?? from.path;
  const away = 'or flatten the project first: docker compose config --no-interpolate';
  if (hasVariable(path) || depth > MAX_CHAIN) {
    throw fail(`the file that it extends cannot be determined: ${path}`, `write its path, ${away}`);
  }
  let text: string;
  try {
    text = readText(path);
  } catch {
    throw fail(`the file ${path}, which it extends, cannot be read`, `check the path, ${away}`);
  }
  const other = parseComposeFile(text, path);
  const services = fieldsOf(other.document, other.root).get('services')?.value;
  const found = fieldsOf(other.document, services).get(base.service);
  if (found === undefined) {
    throw fail(`${path} has no service ${base.service}, which it extends`, 'correct the name');
  }
  for (const field of fieldsOf(other.document, found.value).values()) {
    const replicas =
      field.key === 'deploy' && 'replicas' in Object(plainOf(other.document, field.value));
    if (!DECISIVE_KEYS.has(field.key) && !replicas) continue;
    const { line } = other.locationOf(field.keyNode);
    const sentence = `it gets ${field.key} from ${path}:${line}, where inject cannot change it`;
    throw fail(sentence, `move that key into ${from.path}, ${away}`);
  }
  const further = baseOf(other, found);
  if (further !== undefined) checkOtherFile(further, other, readText, fail, depth + 1);
}
