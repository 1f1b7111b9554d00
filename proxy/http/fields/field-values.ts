import type { Field } from '../message.ts';

/** All values of a field, whose name is in lower case. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  const values: string[] = [];
  for (const field of fields) if (isNamed(field, name)) values.push(field[1]);
  return values;
}

/** The first value of a field, whose name is in lower case. */
export function valueOf(fields: readonly Field[], name: string): string | undefined {
  for (const field of fields) if (isNamed(field, name)) return field[1];
  return undefined;
}

/** Field names have no case (RFC 9110 section 5.1). */
function isNamed([own]: Field, name: string): boolean {
  return own.length === name.length && (own === name || own.toLowerCase() === name);
}
