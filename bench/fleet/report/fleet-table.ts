import Table from 'cli-table3';
import { formatFigure } from '../../report/format-figure.ts';
import { isFigureMet, type FleetFigure, type FleetResults } from '../fleet-results.ts';

/** No lines, so that many rows fit on a terminal. */
const NONE = ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) => [
  [side, ''],
  [`${side}-mid`, ''],
  [`${side}-left`, ''],
  [`${side}-right`, ''],
]);
const PLAIN = { ...(Object.fromEntries(NONE) as Record<string, string>), middle: '  ' };
const STYLE = { 'padding-left': 0, 'padding-right': 0, head: [], border: [] };

/** A target as people write it. */
export function formatFleetTarget({ target }: FleetFigure): string {
  if (target === undefined) return '';
  return `${target.is === 'at-least' ? '>=' : '<='} ${target.limit}`;
}

/** The shape of the fleet, in words. */
export function describeFleet({ fleet }: Pick<FleetResults, 'fleet'>): string {
  const { sidecars, services, calls, connections, interest } = fleet;
  const each = connections === 'own' ? 'a connection each' : 'connections shared by instances';
  const told = interest === 'all' ? '; all are told of everything' : '';
  return `${sidecars} sidecars of ${services} services, each of which calls ${calls} others; ${each}${told}`;
}

/** The table for a terminal, and what fell short below it. */
export function renderFleetTable(results: FleetResults): string {
  const head = ['phase', 'figure', 'value', 'unit', 'target', 'met'];
  const table = new Table({ chars: PLAIN, head, style: STYLE });
  let last = '';
  for (const figure of results.figures) {
    const { phase, title, value, unit } = figure;
    const met = isFigureMet(figure);
    table.push([
      phase === last ? '' : phase,
      title,
      formatFigure(value),
      unit,
      formatFleetTarget(figure),
      met === undefined ? '' : met ? 'yes' : 'NO',
    ]);
    last = phase;
  }
  const notes = results.shortfalls.map((sentence) => `- ${sentence}\n`).join('');
  return `${describeFleet(results)}\n\n${table.toString()}\n${notes}`;
}
