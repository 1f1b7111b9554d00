import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { BenchError } from '../bench-error.ts';
import type { BenchResults } from '../results/results.ts';
import type { Row } from '../results/rows.ts';
import { renderAllFigures, renderFigures } from './page-figures.ts';
import { makePlots, renderPlot } from './plots.ts';

/** Between these lines the page is written by the bench; the rest is written by people. */
export const FIGURES_BEGIN = '<!-- figures: written by npm run bench -- --full -->';
const FIGURES_END = '<!-- end of the figures -->';

/** Puts new figures in the place of those that are there. @throws BenchError `results-unreadable` */
export function replaceFigures(page: string, figures: string): string {
  return replaceBetween(page, { begin: FIGURES_BEGIN, end: FIGURES_END }, figures);
}

/** Replaces what stands between two lines of a page. @throws BenchError `results-unreadable` */
export function replaceBetween(
  page: string,
  { begin, end }: { readonly begin: string; readonly end: string },
  text: string,
): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to < from) {
    throw new BenchError(
      'results-unreadable',
      `expected the page to have the lines ${begin} and ${end}`,
    );
  }
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** Writes `performance.md`, and its pictures, all figures and the results themselves into the folder `performance` beside it. */
export async function writePage(
  docs: string,
  results: BenchResults,
  rows: readonly Row[],
): Promise<void> {
  const path = join(docs, 'performance.md');
  const folder = join(docs, 'performance');
  await mkdir(folder, { recursive: true });
  const plots = makePlots(rows, results);
  for (const plot of plots) await writeFile(join(folder, plot.file), await renderPlot(plot));
  const page = replaceFigures(await readFile(path, 'utf8'), renderFigures(results, rows, plots));
  await writeFormatted(path, page);
  await writeFormatted(join(folder, 'figures.md'), renderAllFigures(results, rows));
  await writeFormatted(join(folder, 'results.json'), JSON.stringify(results));
}

/** Writes a file as `npm run format` would have it. */
export async function writeFormatted(path: string, text: string): Promise<void> {
  const style = await resolveConfig(path);
  await writeFile(path, await format(text, { ...style, filepath: path }));
}
