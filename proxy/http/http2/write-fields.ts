import type { Field } from '../message.ts';

/** Adds fields that came in any version: names are in lower case here (RFC 9113 section 8.2). */
export function addFields(to: Field[], fields: readonly Field[]): void {
  for (const field of fields) {
    const name = field[0].toLowerCase();
    to.push(name === field[0] ? field : [name, field[1]]);
  }
}
