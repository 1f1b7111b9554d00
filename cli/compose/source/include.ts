import { dirname, relative, resolve } from 'node:path';
import { visit } from 'yaml';
import { ComposeError } from '../compose-error.ts';
import { fieldsOf, isPlainList, isPlainMap, plainOf, type Plain } from '../yaml/yaml-fields.ts';
import { copyOf, setField, takeField } from '../yaml/yaml-nodes.ts';
import { type ComposeFile, parseComposeFile } from './compose-file.ts';
import { type Environment, readEnvFiles, variablesOf } from './environment.ts';
import { fillPlain } from './fill-plain.ts';
import type { Files } from './files.ts';
import { mergeFile, sectionOf, SECTIONS } from './merge-files.ts';
import { rebasePaths } from './rebase-paths.ts';
import { fillIn, type Variables } from './variables.ts';

/** What a project is loaded with. */
export interface LoadContext {
  /** Where the person is: files are named from here. */
  readonly start: string;
  readonly folder: string;
  readonly variables: Variables;
  readonly environment: Environment;
  readonly files: Files;
}

/** One entry of `include`, in its long form. */
interface Include {
  readonly paths: readonly [string, ...string[]];
  readonly folder: string;
  readonly envFiles: readonly string[];
}

/**
 * Makes one file of several, as `docker compose -f FIRST -f SECOND` does: each with what it includes, the later ones
 * merged into the first.
 *
 * @param chain the files that lead here by `include`
 * @throws ComposeError `include` for a circle, or for two things with one name
 */
export function mergeAll(
  files: readonly ComposeFile[],
  context: LoadContext,
  chain: readonly string[] = [],
): ComposeFile {
  const [first, ...others] = files;
  if (first === undefined) throw new TypeError('no file was given to merge');
  applyIncludes(first, context, chain);
  for (const other of others) {
    applyIncludes(other, context, chain);
    mergeFile(first, other);
  }
  return first;
}

/**
 * Brings in what a file includes, in place: each a project of its own, with its own folder and variables, whose
 * services, networks and so on become this project's (Compose specification, "Include").
 */
function applyIncludes(file: ComposeFile, context: LoadContext, chain: readonly string[]): void {
  const field = fieldsOf(file.document, file.root).get('include');
  if (field === undefined) return;
  const location = file.locationOf(field.keyNode);
  const fail = (sentence: string, hint?: string): ComposeError =>
    new ComposeError('include', sentence, { location, ...(hint === undefined ? {} : { hint }) });
  const listed = fillPlain(plainOf(file.document, field.value), context.variables);
  const entries = isPlainList(listed) ? listed : [listed];
  const read = entries.map((entry) => readInclude(entry, context, fail));
  takeField(file.root, 'include');
  for (const include of read) {
    for (const path of include.paths) {
      if (!chain.includes(path)) continue;
      throw fail(`${relative(context.start, path)} includes itself`, 'break the circle');
    }
    const included = loadIncluded(include, context, [...chain, ...include.paths]);
    bringIn(file, included, fail);
  }
}

/** What Compose would fetch: a repository, or an artifact of a registry. */
const REMOTE = /^(?:[a-z]+:\/\/|git@|oci:)/;

function readInclude(
  entry: Plain,
  { folder }: LoadContext,
  fail: (sentence: string) => ComposeError,
): Include {
  const map = isPlainMap(entry) ? entry : { path: entry };
  const texts = (key: string): readonly string[] => {
    const value = map[key] ?? [];
    const items = isPlainList(value) ? value : [value];
    return items.map((item) => {
      if (typeof item === 'string' && REMOTE.test(item)) {
        throw fail(`include of ${item} is not fetched: put it into a file first`);
      }
      if (typeof item === 'string') return resolve(folder, item);
      throw fail(`${key} of an entry of include must be a path or a list of them`);
    });
  };
  const [first, ...others] = texts('path');
  if (first === undefined) throw fail('an entry of include must have a path');
  const [own = dirname(first)] = texts('project_directory');
  return { paths: [first, ...others], folder: own, envFiles: texts('env_file') };
}

function loadIncluded(
  include: Include,
  context: LoadContext,
  chain: readonly string[],
): ComposeFile {
  const { files, environment } = context;
  const { folder, paths } = include;
  const own = variablesOf(environment, readEnvFiles(include.envFiles, folder, files));
  // What the including project says comes before.
  const variables: Variables = (name) => context.variables(name) ?? own(name);
  const inner = { ...context, folder, variables };
  const parsed = paths.map((path) =>
    parseComposeFile(files.read(path), relative(context.start, path), path),
  );
  const main = mergeAll(parsed, inner, chain);
  fillOwn(main, context.variables, own);
  rebasePaths(main.document, main.root, { from: folder, to: context.folder, variables });
  return main;
}

/** Writes out the variables that only the included project knows: Compose would not find them again. */
function fillOwn(file: ComposeFile, outer: Variables, own: Variables): void {
  const isOwn = (name: string): boolean => outer(name) === undefined && own(name) !== undefined;
  visit(file.document, {
    Scalar(role, node) {
      if (role === 'key' || typeof node.value !== 'string') return;
      const text = node.value;
      const unset = new Set<string>();
      const lookUp: Variables = (name) =>
        outer(name) ?? own(name) ?? (unset.has(name) ? '' : undefined);
      let filled = fillIn(text, lookUp);
      if (![...filled.used.keys()].some(isOwn)) return;
      // Compose takes what is not set for empty, and must not look at the rest again.
      for (; filled.missing !== undefined; filled = fillIn(text, lookUp)) unset.add(filled.missing);
      node.value = filled.text.replaceAll('$', '$$$$');
    },
  });
}

function bringIn(
  file: ComposeFile,
  included: ComposeFile,
  fail: (sentence: string, hint?: string) => ComposeError,
): void {
  for (const { key, keyNode, value } of fieldsOf(included.document, included.root).values()) {
    if (!SECTIONS.has(key)) continue;
    const section = sectionOf(file, key, keyNode);
    for (const entry of fieldsOf(included.document, value).values()) {
      const known = fieldsOf(file.document, section).get(entry.key);
      if (known === undefined) {
        setField(section, entry.key, copyOf(included.document, entry.value), entry.keyNode);
        continue;
      }
      const same = JSON.stringify(plainOf(file.document, known.value));
      if (same === JSON.stringify(plainOf(included.document, entry.value))) continue;
      const { file: path, line } = included.locationOf(entry.keyNode);
      const what = `${key}.${entry.key}`;
      throw fail(
        `${what} is here and, as another one, in ${path}:${line}, which is included`,
        'rename one of them',
      );
    }
  }
}
