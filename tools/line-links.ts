/**
 * Links from a page to a line of the source, as [`carry`](../proxy/outbound/carry.ts#L42): the line is the
 * one that declares the name. `tools/run node tools/line-links.ts` writes the numbers of today into the
 * pages; a test holds them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The pages that follow something through the source, from the root of the repository. */
export const PAGES_WITH_LINES = ['docs/life-of-a-connection.md', 'docs/life-of-a-certificate.md'];

/** A link to a declaration. */
export interface LineLink {
  readonly name: string;
  /** The file, from the root of the repository. */
  readonly file: string;
  readonly line: number;
  /** The lines that declare the name; exactly one, when the link is right. */
  readonly declared: readonly number[];
}

const LINK = /\[`([\w.#]+)`\]\(([^)#\s]+\.ts)(?:#L(\d+))?\)/g;

/** The links of a page. `read` gives the text of a file, from the root of the repository. */
export function lineLinks(page: string, read: (file: string) => string): LineLink[] {
  return [...read(page).matchAll(LINK)].map(([, name = '', target = '', line]) => {
    const file = join(dirname(page), target);
    return { name, file, line: Number(line ?? 0), declared: declarations(name, read(file)) };
  });
}

/** The text of a page whose links lead to the lines that declare the names now. */
export function withLines(page: string, read: (file: string) => string): string {
  const links = lineLinks(page, read);
  let index = 0;
  return read(page).replace(LINK, (all, name: string, target: string) => {
    const [line] = links[index++]?.declared ?? [];
    return line === undefined ? all : `[\`${name}\`](${target}#L${line})`;
  });
}

/** `Class.method` is a method of that class; anything else is declared by a keyword, or is a method. */
function declarations(name: string, source: string): number[] {
  const [owner, member] = name.includes('.') ? name.split('.') : [undefined, name];
  const lines = source.split('\n');
  const keyword = new RegExp(
    `\\b(function|class|interface|type|const) ${escape(owner ?? member)}\\b`,
  );
  const declared = numbersOf(lines, (line) => keyword.test(line) && !line.startsWith('import'));
  if (owner === undefined && declared.length > 0) return declared;
  const method = new RegExp(
    `^ +((async|get|static|readonly) )*${escape(member)}(<.*>)?\\((.*[{(,])?$`,
  );
  const first = owner === undefined ? 0 : (declared[0] ?? Infinity);
  return numbersOf(lines, (line, number) => number > first && method.test(line)).slice(
    0,
    owner === undefined ? undefined : 1,
  );
}

function numbersOf(
  lines: readonly string[],
  isOne: (line: string, number: number) => boolean,
): number[] {
  return lines.flatMap((line, index) => (isOne(line, index + 1) ? [index + 1] : []));
}

function escape(text: string | undefined): string {
  return RegExp.escape(text ?? '');
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  for (const page of PAGES_WITH_LINES) writeFileSync(join(root, page), withLines(page, read));
}
