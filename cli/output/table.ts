import Table from 'cli-table3';
import { stripVTControlCharacters } from 'node:util';

/** No lines and no colours: readable on a terminal, and one record a line for grep and awk. */
const PLAIN = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '   ',
  },
  style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
};

/** Lays out rows under a header, each line ended; an empty cell shows as `-`. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const table = new Table({ ...PLAIN, head: [...header] });
  table.push(...rows.map((row) => row.map(cell)));
  const lines = table.toString().split('\n');
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** What the control plane says comes from sidecars in part: it must not steer the terminal. */
function cell(value: string | number): string {
  const text = stripVTControlCharacters(String(value)).replace(/\s/g, ' ');
  return text === '' ? '-' : text;
}
