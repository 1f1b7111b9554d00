// `npm run bench`: Hauberk side by side with other sidecars, on this machine.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../common/errors.ts';
import { nodeEnvironment } from '../common/process/node-environment.ts';
import { BenchError } from './bench-error.ts';
import { BENCH_HELP, readBenchOptions, type BenchOptions } from './bench-options.ts';
import { passToAll } from './lab/bench-process.ts';
import { nameProgram } from './lab/programs.ts';
import { PEERS } from './peers/all-peers.ts';
import { resultNotes } from './report/notes.ts';
import { renderSlopes, renderTable } from './report/table.ts';
import { resultsSchema, type BenchResults } from './results/results.ts';
import { isFarOff, toRows, type Row } from './results/rows.ts';
import { runBench } from './run-bench.ts';
import { runProfile } from './run-profile.ts';
import { WORKLOADS } from './workloads/all-workloads.ts';

const DOCS = join(import.meta.dirname, '../docs');

const write = (text: string): void => void process.stdout.write(text);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const request = readBenchOptions(argv);
  switch (request.kind) {
    case 'help':
      write(BENCH_HELP);
      return 0;
    case 'list':
      write(list());
      return 0;
    case 'show':
      await show(readResults(request.file), request.page);
      return 0;
    case 'run':
      return await measure(request.options, argv, signal);
  }
}

async function measure(
  options: BenchOptions,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  if (options.profile) {
    write(await runProfile(options));
    return 0;
  }
  const command = ['npm run bench', ...(argv.length === 0 ? [] : ['--', ...argv])].join(' ');
  const run = { command, progress, signal };
  const results = await runBench({ ...run, options });
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results)}\n`);
  const rows = await show(results, options.page);
  if (options.kind !== 'check') return 0;
  const suspects = farOff(rows);
  if (suspects.length === 0) return 0;
  // Noise is not off twice in the same place.
  const only = [...new Set(suspects.map(({ workload }) => workload.id))];
  write(`measured again: ${only.join(', ')}\n`);
  const found = farOff(
    await show(await runBench({ ...run, options: { ...options, only } }), false),
  );
  for (const { workload, metric } of found) write(`far off: ${workload.title}, ${metric.title}\n`);
  return found.length === 0 ? 0 : 1;
}

function farOff(rows: readonly Row[]): Row[] {
  return rows.filter(isFarOff);
}

async function show(results: BenchResults, page: boolean): Promise<Row[]> {
  const rows = toRows(results);
  write(renderTable(rows, results));
  write(renderSlopes(rows, results));
  for (const note of resultNotes(results, rows)) write(`- ${note}\n`);
  if (page) {
    // What draws the pictures takes a second to load, which other commands do not wait for.
    const { writePage } = await import('./report/write-page.ts');
    await writePage(DOCS, results, rows);
  }
  return rows;
}

function readResults(file: string): BenchResults {
  try {
    return resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new BenchError('results-unreadable', `expected the results of a run in ${file}`, {
      cause,
      hint: 'name a file that --json has written',
    });
  }
}

function list(): string {
  const workloads = WORKLOADS.map(({ id, description }) => ({ id, text: description }));
  const peers = PEERS.map(({ id, title, install }) => ({ id, text: `${title}: ${install}` }));
  return `workloads:\n${renderNames(workloads)}peers:\n${renderNames(peers)}`;
}

/** A line for each, with their texts below each other. */
function renderNames(named: readonly { readonly id: string; readonly text: string }[]): string {
  const width = Math.max(...named.map(({ id }) => id.length)) + 2;
  return named.map(({ id, text }) => `  ${id.padEnd(width)}${text}\n`).join('');
}

passToAll(nodeEnvironment(process.env));
const { ZTUNNEL } = process.env;
if (ZTUNNEL !== undefined) nameProgram('ztunnel', ZTUNNEL);
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => interrupted.abort(new BenchError('process-ended', `ended by ${name}`)));
}
try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal);
} catch (error) {
  progress(`bench: ${describeError(error)}`);
  process.exitCode = error instanceof BenchError && error.code === 'option-invalid' ? 2 : 1;
}
