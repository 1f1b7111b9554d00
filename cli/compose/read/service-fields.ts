import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { ComposeError, type ComposeErrorCode, type SourceLocation } from '../compose-error.ts';
import type { ComposeFile } from '../source/compose-file.ts';
import type { Located } from './project.ts';
import { fillPlain } from '../source/fill-plain.ts';
import { fillIn, type Variables } from '../source/variables.ts';
import {
  type Field,
  fieldsOf,
  type Fields,
  plainOf,
  type Plain,
  resolveAlias,
} from '../yaml/yaml-fields.ts';

/** An entry of a list, or of a mapping with its key. */
export interface Entry {
  readonly key: string | undefined;
  readonly value: Plain;
  readonly location: SourceLocation;
}

/** The mapping of one service, to be read key by key. */
export class ServiceFields {
  readonly name: string;
  readonly fields: Fields;
  readonly location: SourceLocation;
  /** The variables that were filled in so far, with what they came to. */
  readonly filledIn = new Map<string, string>();
  readonly #file: ComposeFile;
  readonly #variables: Variables;

  constructor(file: ComposeFile, { key, keyNode, value }: Field, variables: Variables) {
    this.#file = file;
    this.#variables = variables;
    this.name = key;
    this.location = file.locationOf(keyNode);
    if (!isMap(value))
      throw this.error('value-unfit', 'a service must be a mapping', this.location);
    this.fields = fieldsOf(file.document, value);
  }

  /** An error about this service. */
  error(
    code: ComposeErrorCode,
    sentence: string,
    location: SourceLocation,
    hint?: string,
  ): ComposeError {
    return new ComposeError(code, sentence, { location, service: this.name, hint });
  }

  node(key: string): Node | undefined {
    return this.fields.get(key)?.value;
  }

  locationOf(key: string): SourceLocation {
    return this.#file.locationOf(this.fields.get(key)?.keyNode);
  }

  plain(key: string): Plain | undefined {
    const node = this.node(key);
    return node === undefined ? undefined : plainOf(this.#file.document, node);
  }

  /** Text under a key. @throws ComposeError for another type */
  text(key: string): Located<string> | undefined {
    const value = this.plain(key);
    if (value === undefined || value === null) return undefined;
    const location = this.locationOf(key);
    if (typeof value !== 'string') throw this.error('value-unfit', `${key} must be text`, location);
    return { value, location };
  }

  /** The value as Compose would see it: what it becomes decides how to mesh the service. A variable that is not set stays. */
  fill(value: string): string;
  fill(value: Plain): Plain;
  fill(value: Plain): Plain {
    return fillPlain(value, this.#variables, this.filledIn);
  }

  /** The same of what decides nothing. */
  peek(value: string): string;
  peek(value: Plain): Plain;
  peek(value: Plain): Plain {
    return fillPlain(value, this.#variables);
  }

  /** Text as Compose would see it. @throws ComposeError `value-variable` when a variable in it is not set */
  fillText(key: string, written: string, location: SourceLocation): string {
    const { missing } = fillIn(written, this.#variables);
    if (missing === undefined) return this.fill(written);
    const sentence = `${key} is ${written}, which decides how to mesh it, and ${missing} is not set`;
    const hint = `set it where Compose finds it, in the environment (${missing}=... hauberk inject ...) or in .env, or write the value itself`;
    throw this.error('value-variable', sentence, location, hint);
  }

  /** The entries under a key: of a list, of a mapping, or a single one. */
  entries(key: string): readonly Entry[] {
    const node = this.node(key);
    const { document } = this.#file;
    if (isMap(node)) {
      return [...fieldsOf(document, node).values()].map(({ key: name, keyNode, value }) => ({
        key: name,
        value: plainOf(document, value),
        location: this.#file.locationOf(keyNode),
      }));
    }
    const isEmpty = node === undefined || (isScalar(node) && node.value === null);
    const items: readonly unknown[] = isSeq(node) ? node.items : isEmpty ? [] : [node];
    return items.map((item) => ({
      key: undefined,
      value: plainOf(document, item),
      location: this.#file.locationOf(resolveAlias(document, item)),
    }));
  }

  /** The entries under a key, which must be text. @throws ComposeError */
  texts(key: string): readonly Located<string>[] {
    return this.entries(key).map(({ value, location }) => {
      if (typeof value === 'string') return { value, location };
      throw this.error('value-unfit', `${key} must be a list of text`, location);
    });
  }
}
