import { formatTarget } from '../results/metric.ts';
import { slopesOf } from '../results/growth.ts';
import type { BenchResults } from '../results/results.ts';
import type { Row } from '../results/rows.ts';
import { formatFigure, formatRatio } from './format-figure.ts';
import { describeRun, escapeMarkdown, markdownTable, markdownVerdict } from './markdown.ts';
import { resultNotes } from './notes.ts';
import type { Plot } from './plots.ts';
import { slopeCells, slopeHead } from './table.ts';

/** The part of the page that a run writes, in Markdown: what is judged, the pictures, and what to know beside them. */
export function renderFigures(
  results: BenchResults,
  rows: readonly Row[],
  plots: readonly Plot[],
): string {
  const sections = [
    intro(results),
    '### Targets',
    targetTable(rows),
    ...plots.map(({ file, alternative }) => `![${alternative}](performance/${file})`),
    ...growthSection(results, rows),
    '### To know beside them',
    resultNotes(results, rows)
      .map((note) => `- ${escapeMarkdown(note)}`)
      .join('\n'),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** A page with all that a run has measured, in Markdown. */
export function renderAllFigures(results: BenchResults, rows: readonly Row[]): string {
  const sections = [
    '# All figures',
    'Written by `npm run bench -- --full`; [Performance](../performance.md) says how they are made, and which of them have targets.',
    intro(results),
    ...results.workloads.map((workload) =>
      workloadSection(
        results,
        rows.filter((row) => row.workload.id === workload.id),
      ),
    ),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

function intro(results: BenchResults): string {
  const { machine, peers, rounds, seconds } = results;
  const versions = peers
    .filter(({ version }) => version !== '')
    .map(({ title, version }) => `${title} ${version}`)
    .join(', ');
  return [
    `${describeRun(results)}; ${machine.placement}.`,
    `${rounds} interleaved ${rounds === 1 ? 'round' : 'rounds'} of ${seconds} s; each figure is the median of the rounds.`,
    `${versions}.`,
  ].join(' ');
}

/** A line for each slope; columns of peers that have none are left out. */
function growthSection({ peers }: BenchResults, rows: readonly Row[]): string[] {
  const slopes = slopesOf(rows);
  if (slopes.length === 0) return [];
  const grown = peers.filter(({ id }) => slopes.some(({ byPeer }) => byPeer.has(id)));
  return [
    '### Growth',
    'The slope of the line with the least squares through the figures below.',
    markdownTable(
      slopeHead(grown),
      slopes.map((slope) => slopeCells(slope, grown)),
    ),
  ];
}

function targetTable(rows: readonly Row[]): string {
  const judged = rows.filter((row) => row.metric.target !== undefined && isMeasured(row));
  return markdownTable(
    ['workload', 'figure', 'Hauberk', 'peer', 'ratio', 'target', 'met'],
    judged.map((row) => {
      const { workload, metric, cells, targeted, met } = row;
      const theirs = targeted && formatFigure(cells.get(targeted.peer.id)?.median);
      const ratio = metric.target?.of === 'ratio' ? formatRatio(targeted?.ratio) : '';
      return [
        workload.title,
        `${metric.title}, ${metric.unit}`,
        formatFigure(cells.get('hauberk')?.median),
        targeted === undefined ? '' : `${targeted.peer.title}: ${theirs ?? '-'}`,
        ratio,
        metric.target === undefined ? '' : formatTarget(metric.target),
        markdownVerdict(met),
      ];
    }),
  );
}

/** Whether any peer has a figure: a run whose time is up leaves some out. */
function isMeasured({ cells }: Row): boolean {
  return [...cells.values()].some(({ median }) => median !== undefined);
}

function workloadSection({ peers }: BenchResults, rows: readonly Row[]): string {
  const [first] = rows;
  if (first === undefined) return '';
  const { title, description } = first.workload;
  const measured = peers.filter(({ id }) =>
    rows.some(({ cells }) => {
      const cell = cells.get(id);
      return cell?.median !== undefined || cell?.failure !== undefined;
    }),
  );
  if (measured.length === 0) return '';
  const head = ['', 'unit', ...measured.map((peer) => peer.title), 'to best 1:1', 'to best mux'];
  const body = rows.map(({ metric, cells, oneToOne, multiplexing }) => [
    metric.title,
    metric.unit,
    ...measured.map(({ id }) => {
      const cell = cells.get(id);
      if (cell?.median === undefined) return cell?.failure === undefined ? '' : 'failed';
      return formatFigure(cell.median);
    }),
    formatRatio(oneToOne?.ratio),
    formatRatio(multiplexing?.ratio),
  ]);
  return `## ${title[0]?.toUpperCase() ?? ''}${title.slice(1)}\n\n${description}\n\n${markdownTable(head, body)}`;
}
