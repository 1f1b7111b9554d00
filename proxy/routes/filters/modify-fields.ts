import type { HeaderModifier } from '../../../common/routes/route.ts';
import type { Field } from '../../http/message.ts';

/**
 * The fields after a route's changes. What stays keeps its order and its bytes; a field that is set stands where the first of
 * its name stood, or last.
 */
export function modifyFields(
  fields: readonly Field[],
  { set, add, remove }: HeaderModifier,
): readonly Field[] {
  const result: Field[] = [];
  const isPlaced = new Set<string>();
  for (const field of fields) {
    const name = field[0].toLowerCase();
    const instead = set.find((one) => one.name === name);
    if (instead === undefined) {
      if (!remove.includes(name)) result.push(field);
    } else if (!isPlaced.has(name)) {
      isPlaced.add(name);
      result.push([name, instead.value]);
    }
  }
  for (const { name, value } of set) if (!isPlaced.has(name)) result.push([name, value]);
  for (const { name, value } of add) result.push([name, value]);
  return result;
}
