import { readFileSync } from 'node:fs';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ratioAtLeast, type Metric } from '../../bench/results/metric.ts';
import { resultsSchema } from '../../bench/results/results.ts';
import { toRows } from '../../bench/results/rows.ts';
import { resultNotes } from '../../bench/report/notes.ts';
import { renderTable } from '../../bench/report/table.ts';
import { FIGURES_BEGIN, replaceFigures, writePage } from '../../bench/report/write-page.ts';
import { formatFigure } from '../../bench/report/format-figure.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';
import { benchResults } from './bench-results.ts';

const PAGE = join(import.meta.dirname, '../../docs/performance.md');

const REQUESTS: Metric = {
  key: 'requests',
  title: 'requests',
  unit: '/s',
  better: 'higher',
  target: ratioAtLeast(2),
};

const SAMPLES = [256, 1_000].flatMap((connections) =>
  [
    ['hauberk', 40_000],
    ['nginx', 20_000],
  ].map(([peer, requests]) => ({
    workload: `keep-alive-${connections}`,
    peer: String(peer),
    round: 1,
    values: { requests: Number(requests) },
    othersBusy: 0.5,
  })),
);

const RESULTS = {
  ...benchResults({ metrics: [], samples: SAMPLES }),
  missing: [{ title: 'stunnel', install: 'apt-get install stunnel4' }],
  workloads: [256, 1_000].map((connections) => ({
    id: `keep-alive-${connections}`,
    title: `keep-alive, ${connections} connections`,
    description: 'Small requests.',
    metrics: [REQUESTS],
  })),
};

test('the page gets figures and pictures, and keeps what people wrote', async (t) => {
  await using docs = await temporaryDirectory();
  const page = join(docs.path, 'performance.md');
  await copyFile(PAGE, page);
  await writePage(docs.path, RESULTS, toRows(RESULTS));
  const written = await readFile(page, 'utf8');
  const prose = readFileSync(PAGE, 'utf8');
  t.true(written.startsWith(prose.slice(0, prose.indexOf(FIGURES_BEGIN))));
  t.regex(
    written,
    /keep-alive, 256 connections +\| requests, \/s +\| 40 000 +\| nginx stream: 20 000/,
  );
  t.regex(written, /stunnel is not here and was left out: apt-get install stunnel4/);
  t.regex(written, /other programs used 50\.0 % of a core/);
  const all = ['figures.md', 'requests.svg', 'results.json'];
  t.deepEqual((await readdir(join(docs.path, 'performance'))).sort(), all);
  const picture = await readFile(join(docs.path, 'performance', 'requests.svg'), 'utf8');
  t.regex(picture, /^<svg .*Hauberk.*<\/svg>\n$/s);
  const stored = await readFile(join(docs.path, 'performance', 'results.json'), 'utf8');
  t.deepEqual(resultsSchema.parse(JSON.parse(stored)), RESULTS);
  await writePage(docs.path, RESULTS, toRows(RESULTS));
  t.is(await readFile(page, 'utf8'), written, 'the same results make the same page');
});

test('the bound has a column on the page, and no line in the pictures', async (t) => {
  await using docs = await temporaryDirectory();
  await copyFile(PAGE, join(docs.path, 'performance.md'));
  const fastest = SAMPLES.map((sample) => ({
    ...sample,
    peer: sample.peer === 'hauberk' ? 'bound' : sample.peer,
  }));
  const results = { ...RESULTS, samples: [...SAMPLES, ...fastest] };
  await writePage(docs.path, results, toRows(results));
  const written = await readFile(join(docs.path, 'performance.md'), 'utf8');
  const figures = await readFile(join(docs.path, 'performance', 'figures.md'), 'utf8');
  t.regex(figures, /\| unit +\| Hauberk +\| nginx stream +\| bound on this runtime +\|/);
  t.regex(written, /keep-alive, 256 connections +\| requests, \/s +\| 40 000 +\| nginx stream: /);
  const picture = await readFile(join(docs.path, 'performance', 'requests.svg'), 'utf8');
  t.false(picture.includes('bound'));
});

test('a page without a place for figures is left alone', (t) => {
  t.throws(() => replaceFigures('# Performance\n', 'x'), { code: 'results-unreadable' });
});

test('the table has a line for each figure, and says what is met', (t) => {
  const rows = toRows(RESULTS);
  const lines = renderTable(rows, RESULTS).trimEnd().split('\n');
  t.is(lines.length, 3);
  t.regex(
    lines[1] ?? '',
    /keep-alive, 256 connections +requests +\/s +40 000 +20 000 .* 2\.00x .*yes/,
  );
});

test('requests that failed are told of', (t) => {
  const [sample] = SAMPLES;
  if (sample === undefined) throw new Error('expected a sample');
  const results = { ...RESULTS, samples: [{ ...sample, values: { requests: 1, errors: 7 } }] };
  const notes = resultNotes(results, toRows(results));
  t.true(notes.includes('7 requests through Hauberk failed in "keep-alive, 256 connections"'));
});

test('figures are written as people read them', (t) => {
  const written = [0.456, 12.34, 123.4, 1_234, 40_812, undefined].map(formatFigure);
  t.deepEqual(written, ['0.46', '12.3', '123', '1 230', '40 800', '-']);
});
