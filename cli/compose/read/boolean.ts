import type { Plain } from '../yaml/yaml-fields.ts';

/** The words that Compose takes for booleans besides those of YAML 1.2 (http://yaml.org/type/bool.html). */
const WORDS = new Map([
  ...['true', 'yes', 'y', 'on'].map((word) => [word, true] as const),
  ...['false', 'no', 'n', 'off'].map((word) => [word, false] as const),
]);

/** What Compose makes of a value where it wants a boolean; undefined when it is none, as a variable that is not set. */
export function booleanOf(value: Plain | undefined): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return typeof value === 'string' ? WORDS.get(value.toLowerCase()) : undefined;
}
