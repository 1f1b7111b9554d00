import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { formatFigure } from '../../report/format-figure.ts';
import { describeRun, markdownTable, markdownVerdict } from '../../report/markdown.ts';
import { replaceBetween, writeFormatted } from '../../report/write-page.ts';
import { fleetResultsSchema, isFigureMet, type FleetResults } from '../fleet-results.ts';
import { describeFleet, FLEET_HEAD, formatFleetTarget } from './fleet-table.ts';

/** Between these lines the page is written by the command; the rest is written by people. */
const FLEET_BEGIN = '<!-- figures: written by npm run fleet -- --page -->';
const FLEET_END = '<!-- end of the figures -->';

const RESULTS_FILE = 'performance/fleet.json';
const runsSchema = z.array(fleetResultsSchema);

/** The runs of the page with a new one, which takes the place of one of the same shape. */
export function withRun(runs: readonly FleetResults[], added: FleetResults): FleetResults[] {
  const shape = shapeOf(added);
  return [...runs.filter((run) => shapeOf(run) !== shape), added].toSorted((a, b) => {
    const bySize = a.fleet.sidecars - b.fleet.sidecars;
    return bySize === 0 ? (shapeOf(a) < shapeOf(b) ? -1 : 1) : bySize;
  });
}

function shapeOf({ fleet }: FleetResults): string {
  const { simulators: _, ...shape } = fleet;
  return JSON.stringify(shape);
}

/** The part of the page that runs write, in Markdown: a section each. */
export function renderFleetFigures(runs: readonly FleetResults[]): string {
  return runs.map(section).join('\n\n');
}

function section(run: FleetResults): string {
  const rows = run.figures.map((figure) => {
    const { phase, title, value, unit } = figure;
    const target = formatFleetTarget(figure);
    return [phase, title, formatFigure(value), unit, target, markdownVerdict(isFigureMet(figure))];
  });
  const notes = run.shortfalls.map((sentence) => `- ${sentence}`).join('\n');
  return [
    `### ${describeFleet(run)}`,
    `${describeRun(run)}; simulators and control plane share the cores.`,
    markdownTable(FLEET_HEAD, rows),
    notes,
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Writes the run into `fleet.md` and its JSON beside those of other shapes. */
export async function writeFleetPage(docs: string, results: FleetResults): Promise<void> {
  const file = join(docs, RESULTS_FILE);
  const before = existsSync(file) ? runsSchema.parse(JSON.parse(await readFile(file, 'utf8'))) : [];
  const runs = withRun(before, results);
  const path = join(docs, 'fleet.md');
  const marks = { begin: FLEET_BEGIN, end: FLEET_END };
  const page = replaceBetween(await readFile(path, 'utf8'), marks, renderFleetFigures(runs));
  await writeFormatted(path, page);
  await mkdir(join(docs, 'performance'), { recursive: true });
  await writeFormatted(file, JSON.stringify(runs));
}
