import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { describeError } from '../errors.ts';
import { ConfigError } from './config-error.ts';
import { suggest } from './suggest.ts';

/** A document, and what messages call it: the path of its file. */
export interface YamlText {
  readonly text: string;
  readonly name: string;
}

/** More than people write, far fewer than a file made to fill the memory. */
const MAX_ALIASES = 100;

/**
 * Reads a YAML document that a schema describes.
 *
 * @throws ConfigError that begins with the place, as in `gateway.yaml:3:9:`, of the first mistake, and
 *   says what was expected there and what came
 */
export function readYamlDocument<Value>({ text, name }: YamlText, schema: z.ZodType<Value>): Value {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line || 1}:${col || 1}`;
  };
  const [broken] = document.errors;
  if (broken !== undefined) {
    throw new ConfigError('file-malformed', `${place(broken.pos[0])}: ${broken.message}`);
  }
  const result = schema.safeParse(plainValue(document, name), { error: sentenceOf });
  if (result.success) return result.data;
  const [issue] = result.error.issues.flatMap(innermost);
  if (issue === undefined) throw new ConfigError('file-malformed', `${name} does not fit`);
  const [unknown] = issue.code === 'unrecognized_keys' ? issue.keys : [];
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const code = unknown === undefined ? 'setting-invalid' : 'key-unknown';
  const subject = pathText(issue.path);
  const sentence = `${place(offsetOf(document, path))}: ${subject}${issue.message}`;
  throw new ConfigError(code, sentence);
}

function plainValue(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    throw new ConfigError('file-malformed', `${name} cannot be read: ${describeError(cause)}`);
  }
}

/** What is wrong with a union is wrong with one of its members: the one that went furthest. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const nested = issue.errors.flatMap((issues) => issues.flatMap(innermost));
  const [deepest] = nested.toSorted((a, b) => b.path.length - a.path.length);
  if (deepest === undefined) return [issue];
  return [{ ...deepest, path: [...issue.path, ...deepest.path] }];
}

/** Says in our words what zod found; sentences that a schema brings along are left as they are. */
function sentenceOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const [key = ''] = issue.keys;
      const { inst } = issue;
      const known = inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
      const near = suggest(key, known);
      const hint =
        near === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${near}?`;
      return `the key ${JSON.stringify(key)} is unknown; ${hint}`;
    }
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}, got ${shown(issue.input)}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}, got ${shown(issue.input)}`;
    case 'invalid_union':
      return unionSentence(issue);
    case 'too_small':
      return issue.origin === 'array' ? 'expected at least one' : undefined;
    case 'custom':
    case 'too_big':
    case 'not_multiple_of':
    case 'invalid_format':
    case 'invalid_key':
    case 'invalid_element':
      return undefined;
  }
}

/** What a union is told apart by has a value that none of its members has. */
function unionSentence({ discriminator, options, input }: z.core.$ZodRawIssue): string | undefined {
  if (typeof discriminator !== 'string' || !Array.isArray(options)) return undefined;
  const came = (input as Readonly<Record<string, unknown>>)[discriminator];
  return `expected one of ${options.map(String).join(', ')}, got ${shown(came)}`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a mapping',
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
};

function shown(input: unknown): string {
  if (input === undefined || input === null) return 'nothing';
  if (Array.isArray(input)) return 'a list';
  return typeof input === 'object' ? 'a mapping' : JSON.stringify(input);
}

/** `listeners[0].tls: ` */
function pathText(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`));
  return path.length === 0 ? '' : `${text.join('').replace(/^\./, '')}: `;
}

/** Where the thing stands, or the nearest that is there of what should hold it. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const offset = offsetAt(document, path.slice(0, length));
    if (offset !== undefined) return offset;
  }
  return 0;
}

function offsetAt(document: Document, path: readonly PropertyKey[]): number | undefined {
  const parent: unknown =
    path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (!isMap(parent)) return rangeStart(document.getIn(path, true));
  const pair = parent.items.find(({ key }) => isScalar(key) && key.value === last);
  return pair === undefined ? undefined : rangeStart(pair.key);
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node)) return undefined;
  return Array.isArray(node.range) ? (node.range[0] as number) : undefined;
}
