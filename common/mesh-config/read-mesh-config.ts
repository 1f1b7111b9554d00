import { isMap, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { suggest } from '../config/suggest.ts';
import { describeError } from '../errors.ts';
import {
  meshConfigKeys,
  MESH_CONFIG_SCHEMA,
  type MeshConfig,
  STORED_MESH_CONFIG_SCHEMA,
} from './mesh-config.ts';
import { MeshConfigError, type MeshConfigProblem } from './mesh-config-error.ts';

/** The largest configurations have some thousands of lines; what is larger is another file. */
export const MAX_DOCUMENT_BYTES = 256 * 1024;

/** More than people write, far fewer than a file made to fill the memory. */
const MAX_ALIASES = 100;

/** What is shown at once; the rest is usually the same mistake. */
const MAX_PROBLEMS = 20;

/**
 * Reads a mesh configuration: YAML whose top level is a mapping of sections; an empty one has none.
 *
 * @param name what messages call it: the path of the file
 * @throws MeshConfigError with the line and column of all that is wrong
 */
export function readMeshConfig(text: string, name: string): MeshConfig {
  return readWith(MESH_CONFIG_SCHEMA, text, name);
}

/** Reads a mesh configuration that is in force already. @throws MeshConfigError as `readMeshConfig` */
export function readStoredMeshConfig(text: string, name: string): MeshConfig {
  return readWith(STORED_MESH_CONFIG_SCHEMA, text, name);
}

function readWith(schema: z.ZodType<MeshConfig>, text: string, name: string): MeshConfig {
  if (Buffer.byteLength(text) > MAX_DOCUMENT_BYTES) {
    const sentence = `expected at most ${MAX_DOCUMENT_BYTES / 1024} KiB`;
    throw new MeshConfigError('document-too-large', name, [{ line: 1, column: 1, sentence }]);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problemAt = (offset: number, sentence: string): MeshConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { line: line || 1, column: col || 1, sentence };
  };
  const [problem, ...others] = [...document.errors, ...document.warnings].map(({ pos, message }) =>
    problemAt(pos[0], `this is not valid YAML: ${lowerFirst(message)}`),
  );
  if (problem !== undefined) {
    throw new MeshConfigError('document-malformed', name, [problem, ...others]);
  }
  const result = schema.safeParse(plainValue(document, name) ?? {});
  if (result.success) return result.data;
  const [first, ...more] = result.error.issues
    .flatMap((issue) => locate(document, issue))
    .slice(0, MAX_PROBLEMS)
    .map(({ offset, sentence }) => problemAt(offset, sentence));
  throw new MeshConfigError('document-invalid', name, [
    first ?? problemAt(0, 'this is no mesh configuration'),
    ...more,
  ]);
}

function plainValue(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    const sentence = `this is not valid YAML: ${describeError(error)}`;
    throw new MeshConfigError('document-malformed', name, [{ line: 1, column: 1, sentence }]);
  }
}

interface Located {
  readonly offset: number;
  readonly sentence: string;
}

/** Where an issue stands in the text, and what it says to a person. */
function locate(document: Document, issue: z.core.$ZodIssue): Located[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      offset: offsetOf(document, [...issue.path, key], 'key'),
      sentence: `${describePath(issue.path)} has the unknown key ${JSON.stringify(key)}${nearKey(key, issue.path[0])}`,
    }));
  }
  const offset = offsetOf(document, issue.path, 'value');
  const missing = issue.code === 'invalid_type' && nodeAt(document, issue.path) === undefined;
  const key = String(issue.path.at(-1) ?? '');
  const sentence = missing
    ? `${describePath(issue.path.slice(0, -1))} needs the key ${JSON.stringify(key)}`
    : `${describePath(issue.path)}: ${lowerFirst(issue.message)}`;
  return [{ offset, sentence }];
}

function nearKey(key: string, section: PropertyKey | undefined): string {
  const near = suggest(key, meshConfigKeys(section?.toString()));
  return near === undefined || near === key ? '' : `; did you mean ${near}?`;
}

/** The place of what the path leads to, or of the nearest thing around it that is there. */
function offsetOf(document: Document, path: readonly PropertyKey[], part: 'key' | 'value'): number {
  const key = path.at(-1);
  const parent = path.length === 0 ? undefined : nodeAt(document, path.slice(0, -1));
  if (part === 'key' && isMap(parent)) {
    const pair = parent.items.find((item) => isPair(item) && keyText(item.key) === String(key));
    const range = isScalar(pair?.key) ? pair.key.range : undefined;
    if (range) return range[0];
  }
  const range = nodeAt(document, path)?.range;
  if (range) return range[0];
  return path.length === 0 ? 0 : offsetOf(document, path.slice(0, -1), 'value');
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : '';
}

interface WithRange {
  readonly range?: readonly [number, number, number] | null;
}

function nodeAt(document: Document, path: readonly PropertyKey[]): WithRange | undefined {
  const node: unknown =
    path.length === 0 ? document.contents : document.getIn(path.map(plainKey), true);
  return typeof node === 'object' && node !== null ? node : undefined;
}

function plainKey(key: PropertyKey): string | number {
  return typeof key === 'number' ? key : String(key);
}

/** `authorization.rules[2].from` */
function describePath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the document';
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
