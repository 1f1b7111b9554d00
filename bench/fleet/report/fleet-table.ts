import { formatFigure } from '../../report/format-figure.ts';
import { plainTable } from '../../report/plain-table.ts';
import { isFigureMet, type FleetFigure, type FleetResults } from '../fleet-results.ts';

/** The header of the table. */
export const FLEET_HEAD = ['phase', 'figure', 'value', 'unit', 'target', 'met'];

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
  const rows = results.figures.map((figure) => {
    const { phase, title, value, unit } = figure;
    const met = isFigureMet(figure);
    const verdict = met === undefined ? '' : met ? 'yes' : 'NO';
    return [phase, title, formatFigure(value), unit, formatFleetTarget(figure), verdict];
  });
  const notes = results.shortfalls.map((sentence) => `- ${sentence}\n`).join('');
  return `${describeFleet(results)}\n\n${plainTable(FLEET_HEAD, rows)}\n${notes}`;
}
