import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DOCS = join(import.meta.dirname, '../../docs');

/** The section of a page under a heading, up to the next heading of any level. */
export function sectionOf(page: string, heading: string): string {
  const text = readFileSync(join(DOCS, page), 'utf8');
  const from = text.split('\n').findIndex((line) => line.replace(/^#+ /, '') === heading);
  if (from < 0) throw new Error(`docs/${page} has no heading "${heading}"`);
  const lines = text.split('\n').slice(from + 1);
  const end = lines.findIndex((line) => /^#+ /.test(line));
  return lines.slice(0, end < 0 ? undefined : end).join('\n');
}

/**
 * The rows of a table in a section, without its head; cells without code marks.
 *
 * @param at 0 for the first table of the section
 */
export function tableOf(page: string, heading: string, at = 0): string[][] {
  const tables = sectionOf(page, heading).match(/(?:^\|.*$\n?)+/gm) ?? [];
  const [, , ...rows] = (tables[at] ?? '').trim().split('\n');
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|')),
  );
}
