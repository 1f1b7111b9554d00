import { formatTarget } from '../results/metric.ts';
import type { BenchResults } from '../results/results.ts';
import type { Row } from '../results/rows.ts';
import { formatFigure, formatRatio } from './format-figure.ts';
import { resultNotes } from './notes.ts';
import type { Plot } from './plots.ts';

/** The part of the page that a run writes, in Markdown. */
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
    '### All figures',
    ...results.workloads.map((workload) =>
      workloadSection(
        results,
        rows.filter((row) => row.workload.id === workload.id),
      ),
    ),
    '### To know beside them',
    resultNotes(results, rows)
      .map((note) => `- ${escape(note)}`)
      .join('\n'),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

function intro({ machine, peers, startedAt, rounds, seconds, command }: BenchResults): string {
  const versions = peers
    .filter(({ version }) => version !== '')
    .map(({ title, version }) => `${title} ${version}`)
    .join(', ');
  return [
    `Made on ${startedAt.slice(0, 10)} with \`${command}\` on ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}, Node.js ${machine.node}; ${machine.placement}.`,
    `${rounds} interleaved rounds of ${seconds} s; each figure is the median of the rounds.`,
    `${versions}.`,
  ].join(' ');
}

function targetTable(rows: readonly Row[]): string {
  const judged = rows.filter(({ metric }) => metric.target !== undefined);
  return table(
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
        met === undefined ? '' : met ? 'yes' : '**no**',
      ];
    }),
  );
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
  return `#### ${title[0]?.toUpperCase() ?? ''}${title.slice(1)}\n\n${description}\n\n${table(head, body)}`;
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escape).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
}

/** What programs say about their failures must not become Markdown. */
function escape(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replace(/<(?=[a-z/!])/gi, '&lt;')
    .replaceAll('\n', ' ');
}
