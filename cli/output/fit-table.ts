import type { TextOutput } from '../../common/config/run-command.ts';
import { formatTable } from './table.ts';

/** A column of a table that has to fit a terminal. */
export interface Column<Row> {
  readonly header: string;
  readonly cell: (row: Row) => string | number;
  /** Columns with the highest number are left out first; 0: never. */
  readonly rank: number;
}

/** Between two columns. */
const GAP = 3;

/** The width of a terminal in characters; undefined where the output is none, and lines may be of any length. */
export function widthOf(output: TextOutput): number | undefined {
  if (!('columns' in output) || typeof output.columns !== 'number') return undefined;
  return output.columns > 0 ? output.columns : undefined;
}

/** Lays out rows in as many of the columns as fit, the most important ones. */
export function fitTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number | undefined,
): string {
  const laidOut = columns.map((column) => {
    const cells = rows.map(column.cell);
    const widths = [column.header, ...cells].map((cell) => Math.max(String(cell).length, 1));
    return { ...column, cells, width: Math.max(...widths) };
  });
  let shown = laidOut;
  const total = (): number => shown.reduce((sum, one) => sum + one.width + GAP, -GAP);
  while (width !== undefined && total() > width) {
    const least = Math.max(...shown.map(({ rank }) => rank));
    if (least === 0) break;
    shown = shown.filter(({ rank }) => rank < least);
  }
  const header = shown.map((column) => column.header);
  return formatTable(
    header,
    rows.map((_row, at) => shown.map(({ cells }) => cells[at] ?? '')),
  );
}
