import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { type Document, isMap, isScalar, isSeq, type Node, Scalar } from 'yaml';
import { didYouMean } from '../../../common/nearest-name.ts';
import { ComposeError } from '../compose-error.ts';
import type { ComposeFile } from '../source/compose-file.ts';
import { fillIn, hasVariable, type Variables } from '../source/variables.ts';
import { fieldsOf, resolveAlias } from '../yaml/yaml-fields.ts';
import schema from './compose-spec.json' with { type: 'json' };

/**
 * Finds what the published schema of the Compose specification does not allow: keys that it does not have, and
 * values of another shape. What Compose makes of a value with a variable in it, is not judged.
 */
export function findSchemaErrors(file: ComposeFile, variables: Variables): readonly ComposeError[] {
  const validate = compiled();
  if (validate(typedOf(file.document, file.root, variables))) return [];
  const errors = (validate.errors ?? []).map((error) => ({
    error,
    place: placeOf(error).join('/'),
    isReal: isReal(file, error),
  }));
  const byPlace = new Map<string, ErrorObject>();
  for (const { error, place, isReal: counts } of errors) {
    // Where a variable inside keeps a form from fitting, that another form does not fit either says nothing.
    const isOtherForm = OTHER_FORM.has(error.keyword) && errors.some((one) => isLeft(one, place));
    if (!counts || isOtherForm) continue;
    const told = byPlace.get(place);
    if (told === undefined || rank(error) < rank(told)) byPlace.set(place, error);
  }
  const places = [...byPlace.keys()];
  return (
    [...byPlace]
      // What is wrong with a part of a value is what is wrong with the value.
      .filter(([place]) => !places.some((other) => other.startsWith(`${place}/`)))
      .map(([, error]) => toComposeError(file, error))
  );
}

/** What says that a value has none of the forms that are allowed. */
const OTHER_FORM: ReadonlySet<string> = new Set(['type', 'oneOf', 'anyOf']);

/** Whether it is about a part of that place, and left to Compose. */
function isLeft(one: { readonly place: string; readonly isReal: boolean }, place: string): boolean {
  return !one.isReal && one.place.startsWith(`${place}/`);
}

let validator: ValidateFunction | undefined;

function compiled(): ValidateFunction {
  // The schema is that of others, and is not looked at for mistakes.
  const options = { allErrors: true, strict: false, verbose: true, validateFormats: false };
  return (validator ??= new Ajv2020(options).compile(schema));
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/;

/** A value with its numbers as numbers, which are kept as texts elsewhere, and its variables filled in. */
function typedOf(document: Document, node: unknown, variables: Variables): unknown {
  const value = resolveAlias(document, node);
  if (isSeq(value)) return value.items.map((item) => typedOf(document, item, variables));
  if (isMap(value)) {
    const fields = [...fieldsOf(document, value).values()].map(
      (field) => [field.key, typedOf(document, field.value, variables)] as const,
    );
    return Object.fromEntries(fields);
  }
  const { value: plain, type } = value as Scalar;
  if (typeof plain !== 'string') return plain;
  const isNumber = type === Scalar.PLAIN && NUMBER.test(plain);
  return isNumber ? Number(plain) : fillIn(plain, variables).text;
}

/** Where errors about a key that is not known have that key. */
const UNKNOWN_KEY: Readonly<Record<string, string>> = {
  additionalProperties: 'additionalProperty',
  unevaluatedProperties: 'unevaluatedProperty',
};

function isReal(file: ComposeFile, error: ErrorObject): boolean {
  const { keyword, data, params } = error;
  // A key of a part that is wrong elsewhere counts as one that is not known.
  if (keyword === 'unevaluatedProperties') {
    return !knownKeys(error.parentSchema as SchemaPart).includes(
      String(params['unevaluatedProperty']),
    );
  }
  if (keyword === 'additionalProperties') return true;
  // Compose casts what a variable has become, and takes a key without a value for none.
  const value = resolveAlias(file.document, nodeAt(file, placeOf(error)).value);
  return data !== null && !(isScalar(value) && hasVariable(String(value.value)));
}

interface SchemaPart {
  readonly properties?: object;
  readonly allOf?: readonly { readonly $ref?: string }[];
}

/** The keys that the schema has at a place, with those of the schemas that it takes up. */
function knownKeys({ properties = {}, allOf = [] }: SchemaPart = {}): readonly string[] {
  const definitions = schema.$defs as Readonly<Record<string, SchemaPart>>;
  const parts = allOf.map(({ $ref = '' }) => definitions[$ref.replace('#/$defs/', '')]);
  return [...Object.keys(properties), ...parts.flatMap(knownKeys)];
}

/** The most telling of several errors at one place comes first. */
function rank({ keyword }: ErrorObject): number {
  if (keyword in UNKNOWN_KEY) return 0;
  const index = ['required', 'enum', 'pattern', 'type'].indexOf(keyword);
  return index < 0 ? Infinity : index + 1;
}

/** The way to what is wrong: for a key that is not known, to that key (RFC 6901 for the rest). */
function placeOf({ instancePath, keyword, params }: ErrorObject): readonly string[] {
  const steps = instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const key: unknown = params[UNKNOWN_KEY[keyword] ?? ''];
  return typeof key === 'string' ? [...steps, key] : steps;
}

function toComposeError(file: ComposeFile, error: ErrorObject): ComposeError {
  const { keyword, params, parentSchema, message = 'does not fit' } = error;
  const place = placeOf(error);
  const [section, service] = place;
  const location = file.locationOf(nodeAt(file, place).key);
  const isOfService = section === 'services' && place.length > 2;
  const about = isOfService ? { location, service } : { location };
  if (keyword in UNKNOWN_KEY) {
    const last = place.at(-1) ?? '';
    const sentence = `the key ${JSON.stringify(last)} is not one of the Compose specification`;
    const hint =
      didYouMean(last, knownKeys(parentSchema as SchemaPart), 1) ??
      'remove it, or begin it with x-';
    return new ComposeError('key-unknown', sentence, { ...about, hint });
  }
  const named = place.slice(isOfService ? 2 : 0).join('.');
  const allowed =
    keyword === 'enum' ? ` (${(params['allowedValues'] as string[]).join(', ')})` : '';
  const sentence = `${named} ${message}${allowed}, says the Compose specification`;
  return new ComposeError('value-unfit', sentence, about);
}

/** What a way leads to, as far as there is something, with the node that tells its line: its key, or itself. */
function nodeAt(
  { document, root }: ComposeFile,
  steps: readonly string[],
): { readonly key: Node; readonly value: Node } {
  let at: { readonly key: Node; readonly value: Node } = { key: root, value: root };
  for (const step of steps) {
    if (isSeq(at.value)) {
      const item = resolveAlias(document, at.value.items[Number(step)]);
      at = { key: item, value: item };
      continue;
    }
    const field = fieldsOf(document, at.value).get(step);
    if (field === undefined) break;
    at = { key: field.keyNode, value: field.value };
  }
  return at;
}
