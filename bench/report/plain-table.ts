import Table from 'cli-table3';

/** No lines, so that many rows fit on a terminal. */
const NONE = ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) => [
  [side, ''],
  [`${side}-mid`, ''],
  [`${side}-left`, ''],
  [`${side}-right`, ''],
]);
const PLAIN = { ...(Object.fromEntries(NONE) as Record<string, string>), middle: '  ' };
const STYLE = { 'padding-left': 0, 'padding-right': 0, head: [], border: [] };

/** A table for a terminal. What stands in the first column is shown once, for all rows that follow with the same. */
export function plainTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ chars: PLAIN, head: [...head], style: STYLE });
  let last: string | undefined;
  for (const [first = '', ...rest] of rows) {
    table.push([first === last ? '' : first, ...rest]);
    last = first;
  }
  return `${table.toString()}\n`;
}
