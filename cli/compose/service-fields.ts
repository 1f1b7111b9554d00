import { isMap, isScalar, isSeq, type Node } from 'yaml';
import { ComposeError, type ComposeErrorCode, type Place } from './compose-error.ts';
import type { ComposeFile } from './compose-file.ts';
import type { Placed } from './project.ts';
import { hasVariable } from './variables.ts';
import {
  type Field,
  fieldsOf,
  type Fields,
  plainOf,
  type Plain,
  resolveAlias,
} from './yaml-fields.ts';

/** An entry of a list, or of a mapping with its key. */
export interface Entry {
  readonly key: string | undefined;
  readonly value: Plain;
  readonly place: Place;
}

/** The mapping of one service, to be read key by key. */
export class ServiceFields {
  readonly name: string;
  readonly fields: Fields;
  readonly place: Place;
  readonly #file: ComposeFile;

  constructor(file: ComposeFile, { key, keyNode, value }: Field) {
    this.#file = file;
    this.name = key;
    this.place = file.placeOf(keyNode);
    if (!isMap(value)) throw this.error('value-unfit', 'a service must be a mapping', this.place);
    this.fields = fieldsOf(file.document, value);
  }

  /** An error about this service. */
  error(code: ComposeErrorCode, sentence: string, place: Place, hint?: string): ComposeError {
    const details = { place, service: this.name };
    return new ComposeError(code, sentence, hint === undefined ? details : { ...details, hint });
  }

  node(key: string): Node | undefined {
    return this.fields.get(key)?.value;
  }

  placeOf(key: string): Place {
    return this.#file.placeOf(this.fields.get(key)?.keyNode);
  }

  plain(key: string): Plain | undefined {
    const node = this.node(key);
    return node === undefined ? undefined : plainOf(this.#file.document, node);
  }

  /** Text under a key. @throws ComposeError for another type */
  text(key: string): Placed<string> | undefined {
    const value = this.plain(key);
    if (value === undefined || value === null) return undefined;
    const place = this.placeOf(key);
    if (typeof value !== 'string') throw this.error('value-unfit', `${key} must be text`, place);
    return { value, place };
  }

  /** Text that has to be understood. @throws ComposeError when it is a variable */
  knownText(key: string): Placed<string> | undefined {
    const text = this.text(key);
    if (text !== undefined) this.refuseVariable(key, text.value, text.place);
    return text;
  }

  /** @throws ComposeError when the text depends on the environment */
  refuseVariable(key: string, text: string, place: Place): void {
    if (!hasVariable(text)) return;
    const sentence = `${key} is the variable ${text}, but what it becomes decides how to mesh it`;
    throw this.error('value-variable', sentence, place, 'write the value itself');
  }

  /** The entries under a key: of a list, of a mapping, or a single one. */
  entries(key: string): readonly Entry[] {
    const node = this.node(key);
    const { document } = this.#file;
    if (isMap(node)) {
      return [...fieldsOf(document, node).values()].map(({ key: name, keyNode, value }) => ({
        key: name,
        value: plainOf(document, value),
        place: this.#file.placeOf(keyNode),
      }));
    }
    const items: readonly unknown[] = isSeq(node) ? node.items : isEmpty(node) ? [] : [node];
    return items.map((item) => ({
      key: undefined,
      value: plainOf(document, item),
      place: this.#file.placeOf(resolveAlias(document, item)),
    }));
  }

  /** The entries under a key, which must be text. @throws ComposeError */
  texts(key: string): readonly Placed<string>[] {
    return this.entries(key).map(({ value, place }) => {
      if (typeof value === 'string') return { value, place };
      throw this.error('value-unfit', `${key} must be a list of text`, place);
    });
  }
}

function isEmpty(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && node.value === null);
}
