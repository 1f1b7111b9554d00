/** Looks a variable up; undefined when it is not set. */
export type Variables = (name: string) => string | undefined;

/** Text with its variables filled in, and what became of each. */
export interface FilledIn {
  /** A variable without a value stays as it is written. */
  readonly text: string;
  /** What each variable came to, by name: its value, its default, or its replacement. */
  readonly used: ReadonlyMap<string, string>;
  /** The first variable that has neither a value nor a default, or is required and has none. */
  readonly missing: string | undefined;
}

/** A `$` with what follows it: an escape, a name, or the begin of a braced form. */
const REFERENCE = /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(:?[-?+])?)/g;

/**
 * Fills variables in as Compose does (Compose specification, "Interpolation"): `$NAME`, `${NAME}`, a default
 * after `:-` or `-`, an error after `:?` or `?`, a replacement after `:+` or `+`, each of which may hold further
 * variables, and `$$` for a dollar sign. What is none of these stays as it is.
 */
export function fillIn(text: string, variables: Variables): FilledIn {
  const used = new Map<string, string>();
  let missing: string | undefined;
  const fill = (template: string): string => {
    let filled = '';
    let at = 0;
    for (const match of template.matchAll(REFERENCE)) {
      if (match.index < at) continue;
      const [reference, dollar, plain, braced, operator] = match;
      filled += template.slice(at, match.index);
      at = match.index + reference.length;
      if (dollar !== undefined) {
        filled += '$';
        continue;
      }
      const end = braced === undefined ? at : endOfBraces(template, at);
      const isWhole =
        braced === undefined || (end !== undefined && (operator !== undefined || end === at));
      if (end === undefined || !isWhole) {
        filled += reference;
        continue;
      }
      const name = plain ?? braced ?? '';
      const word = template.slice(at, end);
      at = braced === undefined ? end : end + 1;
      filled += valueOf(name, operator, word, template.slice(match.index, at));
    }
    return filled + template.slice(at);
  };
  const valueOf = (
    name: string,
    operator: string | undefined,
    word: string,
    written: string,
  ): string => {
    const value = variables(name);
    const isSet = value !== undefined && (value !== '' || operator?.startsWith(':') !== true);
    const kind = operator?.at(-1);
    if (kind === '+') return record(name, isSet ? fill(word) : '');
    if (isSet) return record(name, value);
    if (kind === '-') return record(name, fill(word));
    missing ??= name;
    return written;
  };
  const record = (name: string, value: string): string => {
    used.set(name, value);
    return value;
  };
  return { text: fill(text), used, missing };
}

/** Where the braces end that were opened before a position; undefined when they do not. */
function endOfBraces(text: string, from: number): number | undefined {
  let depth = 1;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '$' && text[at + 1] === '{') depth += 1;
    else if (text[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return undefined;
}

/** True for text with a variable in it. */
export function hasVariable(text: string): boolean {
  const { used, missing } = fillIn(text, () => undefined);
  return used.size > 0 || missing !== undefined;
}

/** Stands for a variable while a value is taken apart: it occurs in no Compose file. */
export const VARIABLE_MARK = '\u0001';

/** Puts a mark in place of each variable, nested ones included: `${A:-${B:-1:2}}:80`. */
export function markVariables(text: string): string {
  return fillIn(text, () => VARIABLE_MARK).text;
}
