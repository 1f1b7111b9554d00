/** Stands for a variable while a value is taken apart: it occurs in no Compose file. */
export const VARIABLE_MARK = '\u0001';

/** True for text with a variable in it, which only Compose can fill in (`${NAME}`, `$NAME`). */
export function hasVariable(text: string): boolean {
  return markVariables(text).includes(VARIABLE_MARK);
}

/** Puts a mark in place of each variable, nested ones included: `${A:-${B:-1:2}}:80`. */
export function markVariables(text: string): string {
  let marked = text.replaceAll('$$', '');
  for (let before = ''; before !== marked;) {
    before = marked;
    marked = marked.replace(/\$\{[^{}]*\}/g, VARIABLE_MARK);
  }
  return marked.replace(/\$[A-Za-z_]\w*/g, VARIABLE_MARK);
}
