import { formatTarget } from '../results/metric.ts';
import { type Slope, slopesOf } from '../results/growth.ts';
import type { BenchResults, MeasuredPeer } from '../results/results.ts';
import type { Row } from '../results/rows.ts';
import { formatFigure, formatRatio } from './format-figure.ts';
import { plainTable } from './plain-table.ts';

/** The header of the columns that compare. */
const COMPARED = ['best 1:1', 'best mux', 'target', 'met'] as const;

/** The cells of a row, as text: workload, figure, unit, a cell for each peer, then what `COMPARED` names. */
function rowCells(row: Row, results: BenchResults): string[] {
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
function headerCells({ peers }: BenchResults): string[] {
  return ['workload', 'figure', 'unit', ...peers.map(({ title }) => title), ...COMPARED];
}

/** The table for a terminal. */
export function renderTable(rows: readonly Row[], results: BenchResults): string {
  return plainTable(
    headerCells(results),
    rows.map((row) => rowCells(row, results)),
  );
}

/** How figures grow, for a terminal; empty when nothing that grows was measured. */
export function renderSlopes(rows: readonly Row[], results: BenchResults): string {
  const slopes = slopesOf(rows);
  if (slopes.length === 0) return '';
  return `\n${plainTable(
    slopeHead(results.peers),
    slopes.map((slope) => slopeCells(slope, results.peers)),
  )}`;
}

/** The header to `slopeCells`. */
export function slopeHead(peers: readonly MeasuredPeer[]): string[] {
  return ['growth with', 'figure', 'unit', ...peers.map(({ title }) => title)];
}

/** The cells of a slope, as text: what grows, figure, unit, a cell for each peer. */
export function slopeCells(
  { growth, figure, byPeer }: Slope,
  peers: readonly MeasuredPeer[],
): string[] {
  return [
    growth.of,
    figure.title,
    figure.unit,
    ...peers.map(({ id }) => (byPeer.has(id) ? formatFigure(byPeer.get(id)) : '')),
  ];
}
