// `npm run bench`: Hauberk side by side with other sidecars, on this machine.
import { writeFileSync } from 'node:fs';
import { describeError } from '../common/errors.ts';
import { BenchError } from './bench-error.ts';
import { BENCH_HELP, readBenchOptions, type BenchOptions } from './bench-options.ts';
import { PEERS } from './peers/all-peers.ts';
import { resultNotes } from './report/notes.ts';
import { renderTable } from './report/table.ts';
import { isFarOff, toRows } from './results/rows.ts';
import { runBench } from './run-bench.ts';
import { runProfile } from './run-profile.ts';
import { WORKLOADS } from './workloads/all-workloads.ts';

/** CI fails when a target is missed by this factor: nobody slows it down unseen, and noise is no failure. */
const CHECK_SLACK = 2;

const write = (text: string): void => void process.stdout.write(text);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const request = readBenchOptions(argv);
  if (request.kind === 'help') write(BENCH_HELP);
  else if (request.kind === 'list') write(list());
  else if (request.options.profile) write(await runProfile(request.options));
  else return await measure(request.options, argv, signal);
  return 0;
}

async function measure(
  options: BenchOptions,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const command = ['npm run bench', ...(argv.length === 0 ? [] : ['--', ...argv])].join(' ');
  const results = await runBench({ options, command, progress, signal });
  const rows = toRows(results);
  write(renderTable(rows, results));
  for (const note of resultNotes(results, rows)) write(`- ${note}\n`);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results)}\n`);
  if (options.kind !== 'check') return 0;
  const farOff = rows.filter((row) => isFarOff(row, CHECK_SLACK));
  for (const { workload, metric } of farOff) write(`far off: ${workload.title}, ${metric.title}\n`);
  return farOff.length === 0 ? 0 : 1;
}

function list(): string {
  const workloads = WORKLOADS.map(({ id, description }) => `  ${id.padEnd(18)}${description}\n`);
  const peers = PEERS.map(({ id, title, install }) => `  ${id.padEnd(18)}${title}: ${install}\n`);
  return `workloads:\n${workloads.join('')}peers:\n${peers.join('')}`;
}

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interrupted.abort(new BenchError('process-ended', `ended by ${name}`)));
}
try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal);
} catch (error) {
  progress(`bench: ${describeError(error)}`);
  process.exitCode = error instanceof BenchError && error.code === 'option-invalid' ? 2 : 1;
}
