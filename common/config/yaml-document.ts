import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { describeError } from '../errors.ts';
import { allMistakes, ConfigError, lowerFirst } from './config-error.ts';
import { didYouMean } from '../nearest-name.ts';

/** A document, and what messages call it: the path of its file. */
export interface YamlText {
  readonly text: string;
  readonly name: string;
}

/** More than people write, far fewer than a file made to fill the memory. */
const MAX_ALIASES = 100;

/** One thing that is wrong with a document, and where. */
export interface YamlProblem {
  readonly kind: 'malformed' | 'key-unknown' | 'invalid';
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Begins with the path, as in `listeners[0].tls`, where there is one. */
  readonly sentence: string;
}

/** What a document says, or all that is wrong with it. */
export type YamlReading<Value> =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'wrong'; readonly problems: readonly [YamlProblem, ...YamlProblem[]] };

/**
 * Reads a YAML document that a schema describes.
 *
 * @param whenEmpty what an empty document says
 */
export function readYaml<Value>(
  text: string,
  schema: z.ZodType<Value>,
  whenEmpty?: unknown,
): YamlReading<Value> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problemAt = (kind: YamlProblem['kind'], offset: number, sentence: string): YamlProblem => {
    const { line, col } = lines.linePos(offset);
    return { kind, line: line || 1, column: col || 1, sentence };
  };
  const [broken, ...alsoBroken] = [...document.errors, ...document.warnings].map((error) =>
    problemAt('malformed', error.pos[0], notYaml(error)),
  );
  if (broken !== undefined) return { kind: 'wrong', problems: [broken, ...alsoBroken] };
  let plain: unknown;
  try {
    plain = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return { kind: 'wrong', problems: [problemAt('malformed', 0, notYaml(error))] };
  }
  const result = schema.safeParse(plain ?? whenEmpty, { error: sentenceOf });
  if (result.success) return { kind: 'value', value: result.data };
  const [first, ...others] = result.error.issues
    .flatMap(innermost)
    .flatMap((issue) => located(document, issue))
    .map(({ kind, offset, sentence }) => problemAt(kind, offset, sentence));
  const vague = problemAt('invalid', 0, 'the document does not fit');
  return { kind: 'wrong', problems: [first ?? vague, ...others] };
}

/**
 * Reads a YAML document that a schema describes.
 *
 * @throws ConfigError with all mistakes: each begins with its place, as in `gateway.yaml:3:9:`, and says what
 *   was expected there and what came
 */
export function readYamlDocument<Value>({ text, name }: YamlText, schema: z.ZodType<Value>): Value {
  const reading = readYaml(text, schema);
  if (reading.kind === 'value') return reading.value;
  const [first, ...others] = reading.problems;
  const mistake = ({ kind, line, column, sentence }: YamlProblem): ConfigError =>
    new ConfigError(CODES[kind], `${name}:${line}:${column}: ${sentence}`);
  throw allMistakes([mistake(first), ...others.map(mistake)]);
}

const CODES = {
  malformed: 'file-malformed',
  'key-unknown': 'key-unknown',
  invalid: 'setting-invalid',
} as const;

function notYaml(error: unknown): string {
  return `this is not valid YAML: ${lowerFirst(describeError(error))}`;
}

interface Located extends Pick<YamlProblem, 'kind' | 'sentence'> {
  readonly offset: number;
}

function located(document: Document, issue: z.core.$ZodIssue): Located[] {
  const subject = pathText(issue.path);
  if (issue.code !== 'unrecognized_keys') {
    const sentence = `${subject}${lowerFirst(issue.message)}`;
    return [{ kind: 'invalid', offset: offsetOf(document, issue.path), sentence }];
  }
  const sentences = issue.message.split('\n');
  return issue.keys.map((key, at) => ({
    kind: 'key-unknown',
    offset: offsetOf(document, [...issue.path, key]),
    sentence: `${subject}${sentences[at] ?? issue.message}`,
  }));
}

/** What is wrong with a union is wrong with one of its members: the one that went furthest. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const nested = issue.errors.flatMap((issues) => issues.flatMap(innermost));
  const [deepest] = nested.toSorted((a, b) => b.path.length - a.path.length);
  if (deepest === undefined) return [issue];
  // None went further than the other: what the schema says of the union says more.
  if (deepest.path.length === 0 && issue.message !== NO_SENTENCE) return [issue];
  return [{ ...deepest, path: [...issue.path, ...deepest.path] }];
}

/** What zod says of a union without a message of its own. */
const NO_SENTENCE = 'Invalid input';

/** Says in our words what zod found; sentences that a schema brings along are left as they are. */
function sentenceOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const { inst } = issue;
      const known = inst instanceof z.ZodObject ? Object.keys(inst.shape) : [];
      const sentences = issue.keys.map((key) => {
        const hint = didYouMean(key, known, 1) ?? `expected one of ${known.join(', ')}`;
        return `the key ${JSON.stringify(key)} is unknown; ${hint}`;
      });
      // One line each: quotes keep what a key has of others.
      return sentences.join('\n');
    }
    case 'invalid_type':
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}, got ${shown(issue.input)}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}, got ${shown(issue.input)}`;
    case 'invalid_union':
      return unionSentence(issue);
    case 'too_small':
      return issue.origin === 'array' ? 'expected at least one' : undefined;
    case 'too_big':
      return issue.origin === 'array' ? `expected at most ${issue.maximum}` : undefined;
    case 'custom':
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

/** The line of a value, or of its nearest parent that exists. */
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
