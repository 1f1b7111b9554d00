import type { Field } from '../../http/message.ts';

/** Changes of the fields of a message (Gateway API, HTTPHeaderFilter). Names are compared without regard to case. */
export interface FieldChanges {
  /** Replaces every field of the name by one. */
  readonly set: readonly Field[];
  /** Adds one more, after what is there. */
  readonly add: readonly Field[];
  /** In lower case. */
  readonly remove: readonly string[];
}

/**
 * The fields after the changes. What stays keeps its order and its bytes; a field that is set stands where the first of its name
 * stood, or last.
 */
export function modifyFields(fields: readonly Field[], changes: FieldChanges): Field[] {
  const { set, add, remove } = changes;
  const result: Field[] = [];
  const waiting = new Map<string, Field>();
  for (const field of set) waiting.set(field[0].toLowerCase(), field);
  const isSet = new Set(waiting.keys());
  for (const field of fields) {
    const name = field[0].toLowerCase();
    if (isSet.has(name)) {
      const instead = waiting.get(name);
      if (instead !== undefined) result.push(instead);
      waiting.delete(name);
    } else if (!remove.includes(name)) {
      result.push(field);
    }
  }
  result.push(...waiting.values());
  for (const field of add) result.push(field);
  return result;
}
