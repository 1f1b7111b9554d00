import Table from 'cli-table3';
import { formatTarget } from '../results/metric.ts';
import type { BenchResults } from '../results/results.ts';
import type { Row } from '../results/rows.ts';
import { formatFigure, formatRatio } from './format-figure.ts';

/** No lines, so that many rows fit on a terminal. */
const NONE = ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) => [
  [side, ''],
  [`${side}-mid`, ''],
  [`${side}-left`, ''],
  [`${side}-right`, ''],
]);
const PLAIN = { ...(Object.fromEntries(NONE) as Record<string, string>), middle: '  ' };
const STYLE = { 'padding-left': 0, 'padding-right': 0, head: [], border: [] };

/** The header of the columns that compare. */
const COMPARED = ['best 1:1', 'best mux', 'target', 'met'] as const;

/** The cells of a row, as text: workload, figure, unit, a cell for each peer, then what `COMPARED` names. */
export function rowCells(row: Row, results: BenchResults): string[] {
  const { workload, metric, cells, oneToOne, multiplexing, met } = row;
  const figures = results.peers.map(({ id }) => {
    const cell = cells.get(id);
    if (cell?.median !== undefined) return formatFigure(cell.median);
    return cell?.failure === undefined ? '-' : 'failed';
  });
  return [
    workload.title,
    metric.title,
    metric.unit,
    ...figures,
    formatRatio(oneToOne?.ratio),
    formatRatio(multiplexing?.ratio),
    metric.target === undefined ? '' : formatTarget(metric.target),
    met === undefined ? '' : met ? 'yes' : 'NO',
  ];
}

/** The header to `rowCells`. */
export function headerCells({ peers }: BenchResults): string[] {
  return ['workload', 'figure', 'unit', ...peers.map(({ title }) => title), ...COMPARED];
}

/** The table for a terminal. A workload's name is in its first row only. */
export function renderTable(rows: readonly Row[], results: BenchResults): string {
  const table = new Table({ chars: PLAIN, head: headerCells(results), style: STYLE });
  let last = '';
  for (const row of rows) {
    const [title = '', ...rest] = rowCells(row, results);
    table.push([title === last ? '' : title, ...rest]);
    last = title;
  }
  return `${table.toString()}\n`;
}
