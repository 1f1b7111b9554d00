import { isPlainList, isPlainMap, type Plain } from '../yaml/yaml-fields.ts';
import { fillIn, type Variables } from './variables.ts';

/**
 * A value with the variables in its texts filled in; keys have none (Compose specification, "Interpolation").
 * A variable that is not set stays as it is written.
 *
 * @param filledIn is told what each variable came to
 */
export function fillPlain(
  value: Plain,
  variables: Variables,
  filledIn?: Map<string, string>,
): Plain {
  if (typeof value === 'string') {
    const { text, used } = fillIn(value, variables);
    for (const [name, came] of used) filledIn?.set(name, came);
    return text;
  }
  if (isPlainList(value)) return value.map((item) => fillPlain(item, variables, filledIn));
  if (!isPlainMap(value)) return value;
  const filled = Object.entries(value).map(
    ([key, item]) => [key, fillPlain(item, variables, filledIn)] as const,
  );
  return Object.fromEntries(filled);
}
