// `npm run chaos`: a mesh of real processes, broken on purpose, and what must hold all the same.
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeError } from '../../common/errors.ts';
import type { Scope } from '../helpers/scope.ts';
import { ChaosError } from './chaos-error.ts';
import { checkMachine, INSIDE, runInside } from './inside.ts';
import { CHAOS_HELP, readChaosOptions, type ChaosOptions } from './options.ts';
import { renderReport } from './report/render.ts';
import type { ChaosReport } from './report/report.ts';
import { runChaos } from './run-chaos.ts';

async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const request = readChaosOptions(argv, randomInt);
  if (request.kind === 'help') {
    process.stdout.write(CHAOS_HELP);
    return 0;
  }
  const directory = process.env[INSIDE];
  if (directory === undefined) {
    checkMachine();
    return await runInside(argv, signal);
  }
  const reports: ChaosReport[] = [];
  for (const options of request.runs) {
    const report = await runOne(options, join(directory, String(options.seed)), signal);
    reports.push(report);
    process.stdout.write(renderReport(report));
    const { json } = options;
    if (json !== undefined) await writeFile(json, `${JSON.stringify(reports, undefined, 2)}\n`);
  }
  return reports.every(({ violations }) => violations.length === 0) ? 0 : 1;
}

async function runOne(
  options: ChaosOptions,
  directory: string,
  signal: AbortSignal,
): Promise<ChaosReport> {
  await mkdir(directory);
  const ends: (() => unknown)[] = [];
  const scope: Scope = { teardown: (end) => void ends.push(end) };
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  try {
    return await Promise.race([runChaos(scope, { options, directory, say, signal }), interrupted]);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

const ending = new AbortController();
const end = (how: string): void => {
  ending.abort(
    new ChaosError('interrupted', `interrupted by ${how}; all that was started is gone`),
  );
};
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => end(name));
if (process.env[INSIDE] !== undefined) {
  process.stdin.once('end', () => end('the process that started it')).resume();
}
try {
  process.exitCode = await main(process.argv.slice(2), ending.signal);
} catch (error) {
  process.stderr.write(`chaos: ${describeError(error)}\n`);
  process.exitCode = error instanceof ChaosError && error.code === 'option-invalid' ? 2 : 1;
}
// What is left of a run that was interrupted must not keep it: with this process all others end.
process.exit();
